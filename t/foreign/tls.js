// tls.js HOST PORT CA-FILE RSA|ECDSA: Node's TLS client against the responder.
'use strict';
const fs = require('fs'), tls = require('tls'), https = require('https');
const [host, port, file, kind] = process.argv.slice(2);
const ca = fs.readFileSync(file);

// One handshake and a request; resolves to the socket's facts.
function visit(options) {
	return new Promise((resolve, reject) => {
		const got = { body: '' };
		const s = tls.connect({ host, port, ca, ALPNProtocols: ['http/1.1'], ...options }, () => {
			got.protocol = s.getProtocol();
			got.cipher = s.getCipher().standardName;
			got.alpn = s.alpnProtocol;
			got.reused = s.isSessionReused();
			s.write(`GET /dir HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`);
		});
		s.on('session', (session) => { got.session = session; });
		s.on('data', (data) => { got.body += data; });
		s.on('error', reject);
		s.on('end', () => got.body.includes('newNonce') ? resolve(got) : reject(new Error('no directory')));
		s.setTimeout(20000, () => reject(new Error('timeout')));
	});
}

function equal(want, have, what) {
	if (want !== have)
		throw new Error(`${what}: want ${want}, have ${have}`);
}

async function main() {
	const v13 = { minVersion: 'TLSv1.3' }, v12 = { maxVersion: 'TLSv1.2' };
	for (const c of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])
		equal(c, (await visit({ ...v13, ciphers: c })).cipher, 'suite');
	for (const c of ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'])
		equal('TLSv1.2', (await visit({ ...v12, ciphers: `ECDHE-${kind}-${c}` })).protocol, 'version');
	// Node offers one share, of the first group: a HelloRetryRequest for all others.
	for (const g of ['X25519', 'P-256', 'P-384', 'P-521:P-384', 'X448:P-256'])
		equal('http/1.1', (await visit({ ...v13, ecdhCurve: g })).alpn, 'protocol');
	const schemes = kind === 'RSA' ? ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'] :
	    ['ecdsa_secp256r1_sha256'];
	for (const s of schemes)
		await visit({ ...v13, sigalgs: s });
	const first = await visit(v13);
	equal(true, (await visit({ ...v13, session: first.session })).reused, 'resumption');
	const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
	for (let i = 0; i < 20; i++)
		await new Promise((resolve, reject) => https.get({ host, port, ca, agent, path: '/dir' }, (r) => {
			r.resume();
			r.on('end', resolve);
		}).on('error', reject));
	agent.destroy();
}

main().catch((e) => {
	console.error(e);
	process.exit(1);
});
