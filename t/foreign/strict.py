"""What RFC 8555 has a CA refuse, and what HTTP has it do: requests made by hand."""
import base64
import http.client
import json
import socket
import ssl
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

host, port, trust = sys.argv[1], int(sys.argv[2]), sys.argv[3]
base = "https://%s:%d" % (host, port)
context = ssl.create_default_context(cafile=trust)
PREFIX = "urn:ietf:params:acme:error:"
JOSE = "application/jose+json"
ORDER, ACCOUNT, CHANGE, REVOKE = "/new-order", "/new-account", "/key-change", "/revoke-cert"
WISH = {"identifiers": [{"type": "dns", "value": "strict.example.org"}]}


def b64(octets):
    octets = octets.encode() if isinstance(octets, str) else octets
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Key:
    """Of a curve with its hash, or Ed25519."""

    def __init__(self, curve=ec.SECP256R1):
        self.curve = curve
        self.key = ec.generate_private_key(curve()) if curve else ed25519.Ed25519PrivateKey.generate()

    def alg(self):
        return {ec.SECP256R1: "ES256", ec.SECP521R1: "ES512", None: "EdDSA"}[self.curve]

    def jwk(self):
        pub = self.key.public_key()
        if not self.curve:
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(pub.public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw))}
        n, size = pub.public_numbers(), (self.key.key_size + 7) // 8
        return {"kty": "EC", "crv": "P-%d" % self.key.key_size,
                "x": b64(n.x.to_bytes(size, "big")), "y": b64(n.y.to_bytes(size, "big"))}

    def sign(self, octets):
        if not self.curve:
            return self.key.sign(octets)
        size = (self.key.key_size + 7) // 8
        der = self.key.sign(octets, ec.ECDSA(hashes.SHA256() if size == 32 else hashes.SHA512()))
        return b"".join(n.to_bytes(size, "big") for n in utils.decode_dss_signature(der))


class Reply:
    def __init__(self, r):
        self.status, self.headers, self.body = r.status, r.headers, r.read()
        is_json = "json" in (r.headers.get("Content-Type") or "") and self.body
        self.json = json.loads(self.body) if is_json else {}


def ask(method, path, body=None, headers=None):
    c = http.client.HTTPSConnection(host, port, context=context, timeout=30)
    c.request(method, path, body, headers or {})
    reply = Reply(c.getresponse())
    c.close()
    return reply


def nonce():
    return ask("HEAD", "/new-nonce").headers["Replay-Nonce"]


def jws(header, payload, key):
    """header and payload: objects, or text as it is; key: one, or the signature."""
    h, p = (b64(v if isinstance(v, (str, bytes)) else "" if v is None else json.dumps(v))
            for v in (header, payload))
    return {"protected": h, "payload": p,
            "signature": b64(key if isinstance(key, bytes) else key.sign((h + "." + p).encode()))}


def send(path, body, kind=JOSE):
    return ask("POST", path, body if isinstance(body, str) else json.dumps(body),
               {"Content-Type": kind} if kind else {})


class Account:
    def __init__(self, key=None, **payload):
        self.key = key or Key()
        header = {"alg": self.key.alg(), "jwk": self.key.jwk(), "nonce": nonce(), "url": base + ACCOUNT}
        self.reply = send(ACCOUNT, jws(header, payload or {"termsOfServiceAgreed": True}, self.key))
        self.url = self.reply.headers.get("Location")

    def head(self, path, **other):
        h = dict({"alg": self.key.alg(), "kid": self.url, "nonce": nonce(), "url": base + path}, **other)
        return {k: v for k, v in h.items() if v is not None}

    def post(self, path, payload=None, **other):
        path = path[len(base):] if path.startswith(base) else path
        return send(path, jws(self.head(path, **other), payload, self.key))

    def change(self, key, signer=None, header=None, **payload):
        inner = dict({"alg": key.alg(), "jwk": key.jwk(), "url": base + CHANGE}, **(header or {}))
        return self.post(CHANGE, jws({k: v for k, v in inner.items() if v is not None},
                                     dict({"account": self.url, "oldKey": self.key.jwk()}, **payload),
                                     signer or key))


def want(what, reply, status, kind=None, **headers):
    have = reply.json.get("type", "")
    assert reply.status == status and (kind is None or have == PREFIX + kind), \
        "%s: want %s %s, have %s %s" % (what, status, kind, reply.status, reply.json)
    for name, value in headers.items():
        have = reply.headers.get(name) or ""
        assert value in have, "%s: want %s: %s, have %s" % (what, name, value, have)


def signed_requests(one, two):
    for what, other, status, kind in (
            ("alg none", {"alg": "none"}, 400, "badSignatureAlgorithm"),
            ("alg HS256", {"alg": "HS256"}, 400, "badSignatureAlgorithm"),
            ("the alg of another key", {"alg": "RS256"}, 400, "malformed"),
            ("jwk and kid", {"jwk": one.key.jwk()}, 400, "malformed"),
            ("neither", {"kid": None}, 400, "malformed"),
            ("jwk instead of kid", {"kid": None, "jwk": one.key.jwk()}, 400, "malformed"),
            ("kid of another", {"kid": two.url}, 400, "malformed"),
            ("kid of nobody", {"kid": base + "/account/none"}, 400, "accountDoesNotExist"),
            ("crit", {"crit": ["exp"]}, 400, "malformed"),
            ("no nonce", {"nonce": None}, 400, "malformed"),
            ("a nonce of others", {"nonce": "AAAA"}, 400, "badNonce"),
            ("a nonce that is no base64url", {"nonce": "?!"}, 400, "malformed"),
            ("another url", {"url": base + "/new-authz"}, 403, "unauthorized"),
            ("the url with a query", {"url": base + ORDER + "?a"}, 403, "unauthorized"),
            ("no url", {"url": None}, 400, "malformed")):
        want(what, one.post(ORDER, WISH, **other), status, kind)
    used = nonce()
    want("a nonce", one.post(ORDER, WISH, nonce=used), 201)
    want("a nonce again", one.post(ORDER, WISH, nonce=used), 400, "badNonce")
    good = jws(one.head(ORDER), WISH, one.key)
    raw = unb64(good["signature"])
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    for what, body in (
            ("a member twice", '{"payload":"e30",' + json.dumps(good)[1:]),
            ("a member of the header twice", jws('{"alg":"none",' + json.dumps(one.head(ORDER))[1:], WISH, one.key)),
            ("a member of the payload twice", jws(one.head(ORDER), '{"identifiers":[],' + json.dumps(WISH)[1:], one.key)),
            ("an unprotected header", dict(good, header={})), ("padding", dict(good, payload=good["payload"] + "=")),
            ("a signature in DER", dict(jws(one.head(ORDER), WISH, one.key), signature=b64(der))),
            ("another signature", jws(one.head(ORDER), WISH, two.key)),
            ("no UTF-8", jws(one.head(ORDER), b'{"identifiers":"\xff"}', one.key)),
            ("the compact form", "%(protected)s.%(payload)s.%(signature)s" % good)):
        want(what, send(ORDER, body), 400, "malformed")
    for kind in "application/json", None:
        want("Content-Type %s" % kind, send(ORDER, jws(one.head(ORDER), WISH, one.key), kind), 415, "malformed")
    print("ok: signed requests are refused as RFC 8555 sections 6.2 to 6.5 say")


def methods(one):
    for path in ACCOUNT, ORDER, "/new-authz", REVOKE, CHANGE, one.url[len(base):]:
        for method in "GET", "PUT", "DELETE", "OPTIONS":
            want(method + " " + path, ask(method, path), 405, "malformed", Allow="POST")
    for path in "/dir", "/new-nonce":
        want("HEAD " + path, ask("HEAD", path), 200)
        want("DELETE " + path, ask("DELETE", path), 405, "malformed", Allow="GET, HEAD, POST")
        want("POST-as-GET " + path, one.post(path), 204 if path == "/new-nonce" else 200)
        want("POST " + path, one.post(path, {}), 400, "malformed")
    print("ok: other methods are told which ones there are; POST-as-GET where GET is, RFC 8555 section 6.3")


def accounts(one, two):
    other = Account(Key(ec.SECP521R1))
    want("an unknown algorithm", other.reply, 400, "badSignatureAlgorithm")
    assert "ES256" in other.reply.json["algorithms"]
    ed = Account(Key(None))
    want("Ed25519", ed.reply, 201)
    want("Ed25519", ed.post(ed.url), 200)
    for contact, kind in ((["tel:+1"], "unsupportedContact"), (["mailto:a@b.org,c@d.org"], "invalidContact"),
                          (["mailto:a@b.org?cc=x"], "invalidContact"), (["mailto:a b@c.org"], "invalidContact"),
                          (["mailto:a@b@c"], "invalidContact"), (["mailto:\u00e4@b.org"], "invalidContact"),
                          ("mailto:a@b.org", "malformed"), ([7], "malformed")):
        want("contact %s" % contact, Account(termsOfServiceAgreed=True, contact=contact).reply, 400, kind)
    orders = one.post(one.url).json["orders"]
    for cursor in "x", "-1", "", "4294967295", "99999999999999999999", "1&cursor=2":
        want("cursor " + cursor, one.post(orders + "?cursor=" + cursor), 404, "malformed")
    want("another's orders", two.post(orders), 403, "unauthorized")
    print("ok: accounts: keys, contacts, pages")


def key_changes(one, two):
    new = Key()
    for what, reply in (
            ("oldKey", one.change(new, oldKey=two.key.jwk())), ("account", one.change(new, account=two.url)),
            ("signature", one.change(new, one.key)), ("nonce", one.change(new, header={"nonce": nonce()})),
            ("url", one.change(new, header={"url": base + ORDER})), ("payload", one.post(CHANGE, {})),
            ("kid", one.change(new, header={"kid": one.url, "jwk": None})), ("nothing", one.post(CHANGE))):
        want("key change: " + what, reply, 400, "malformed")
    want("key change: in use", one.change(two.key), 409, Location=two.url)
    want("key change", one.change(new), 200)
    want("the old key", one.post(one.url), 400, "malformed")
    one.key = new
    want("the new key", one.post(one.url), 200)
    print("ok: changes of keys, RFC 8555 section 7.3.5")


def certificates(one):
    for reason in -1, 2, 7, 10, 256:
        want("reason %s" % reason, one.post(REVOKE, {"certificate": "AAAA", "reason": reason}), 400,
             "badRevocationReason")
    want("no certificate", one.post(REVOKE, {"certificate": "AAAA", "reason": 1}), 400, "malformed")
    for name in "", ".", "AA==.AA==", "%00", "A.B.C", "A" * 900:
        want("renewal information " + name, ask("GET", "/renewal-info/" + name), 404, "malformed")
    print("ok: revocation and renewal information for what is none")


def a_closed_account(one):
    closed = Account()
    order = closed.post(ORDER, WISH).headers["Location"]
    want("deactivation", closed.post(closed.url, {"status": "deactivated"}), 200)
    for path, payload in (closed.url, None), (order, None), (ORDER, WISH):
        want("closed: " + path, closed.post(path, payload), 401, "unauthorized")
    want("closed: newAccount", Account(closed.key).reply, 401, "unauthorized")
    want("closed: its key", one.change(closed.key), 409)
    print("ok: a deactivated account gets 401, RFC 8555 section 7.3.6")


def raw(octets, answers=1):
    """What comes back for these octets: so many answers, or all until the end."""
    s = context.wrap_socket(socket.create_connection((host, port)), server_hostname=host)
    s.settimeout(30)
    s.sendall(octets)
    got = b""
    while got.count(b"HTTP/1.1 ") < answers or not got.endswith((b"}", b"\r\n\r\n")):
        part = s.recv(65536)
        if not part:
            break
        got += part
    s.close()
    return [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]


def by_hand(one):
    head = ("Host: %s:%d\r\n" % (host, port)).encode()
    get, post = b"GET /dir HTTP/1.1\r\n" + head, b"POST /new-order HTTP/1.1\r\nContent-Type: %s\r\n" % JOSE.encode() + head
    body = json.dumps(jws(one.head(ORDER), WISH, one.key)).encode()
    for what, octets, answers in (
            ("fifty at once", (get + b"\r\n") * 50, [200] * 50),
            ("chunks", post + b"Transfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x;a=b\r\n%s\r\n0\r\nT: x\r\n\r\n" % (
                body[:5], len(body) - 5, body[5:]) + get + b"\r\n", [201, 200]),
            ("a wait for 100", post + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", [100]),
            ("a wait with a body too long", post + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", [413]),
            ("a body of a GET", get + b"Content-Length: 3\r\n\r\nabc" + get + b"\r\n", [200, 200]),
            ("HTTP/1.0", get.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n" + get + b"\r\n", [200]),
            ("a whole URL", get.replace(b" /", b" " + base.encode() + b"/") + b"\r\n", [200]),
            ("a header of a megabyte", get + b"A: " + b"a" * 1000000 + b"\r\n\r\n", [431]),
            ("a megabyte of headers", get + b"A: aaaaaaaaaaaa\r\n" * 60000 + b"\r\n", [431]),
            ("a body of three megabytes", post + b"Content-Length: 3000000\r\n\r\n" + b"a" * 3000000, [413])):
        have = raw(octets, len(answers))
        assert have == answers, (what, have)
    print("ok: HTTP/1.1 by hand; refusals reach who is still sending")


def main():
    one, two = Account(), Account()
    signed_requests(one, two)
    methods(one)
    accounts(one, two)
    key_changes(one, two)
    certificates(one)
    a_closed_account(one)
    by_hand(one)


main()
