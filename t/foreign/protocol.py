"""RFC 8555 beyond what clients use, against the responder, by python3-acme."""
import http.server
import json
import socket
import sys
import threading
import time
import urllib.request

import josepy
from acme import client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

directory_url, control, address, http_port = sys.argv[1:5]
PREFIX = "urn:ietf:params:acme:error:"
answers = {}


class Answer(http.server.BaseHTTPRequestHandler):
    """http-01: what is in answers."""

    def do_GET(self):
        body = answers.get(self.path.rsplit("/", 1)[-1])
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *args):
        pass


class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def __init__(self, *args):
        super().__init__(*args)
        self.asked = []

    def process_request(self, request, client_address):
        self.asked.append(client_address)
        super().process_request(request, client_address)


class Raw:
    """A payload as it is; None is the empty payload of POST-as-GET."""

    def __init__(self, value):
        self.value = value

    def json_dumps(self, **_):
        return json.dumps(self.value)


def is_address(name):
    return name[0].isdigit() or ":" in name


class Account:
    def __init__(self):
        self.key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
        self.net = client.ClientNetwork(self.key, user_agent="protocol.py")
        self.dir = json.loads(self.net.get(directory_url).content)
        self.acme = client.ClientV2(messages.Directory.from_json(self.dir), self.net)
        self.regr = self.acme.new_account(messages.NewRegistration.from_data(
            email="a@example.org", terms_of_service_agreed=True))

    def post(self, url, value=None):
        reply = self.net.post(url, Raw(value) if value is not None else None,
                              new_nonce_url=self.dir["newNonce"])
        return reply

    def get(self, url):
        return self.post(url).json()

    def order(self, *names, **more):
        idents = [{"type": "ip" if is_address(n) else "dns", "value": n} for n in names]
        reply = self.post(self.dir["newOrder"], dict(more, identifiers=idents))
        return reply.headers["Location"], reply.json()

    def challenge(self, authz_url, kind):
        return next(c for c in self.get(authz_url)["challenges"] if c["type"] == kind)

    def validate(self, authz_url, kind):
        c = self.challenge(authz_url, kind)
        if kind == "http-01":
            thumb = josepy.b64encode(self.key.thumbprint()).decode()
            answers[c["token"]] = c["token"] + "." + thumb
        self.post(c["url"], {})
        for _ in range(200):
            status = self.get(authz_url)["status"]
            if status != "pending":
                return status
            time.sleep(0.02)
        return "late"

    def finalize(self, url, names):
        csr = make_csr(names)
        order = self.post(self.get(url)["finalize"], {"csr": csr}).json()
        assert order["status"] == "valid", order
        pem = self.post(order["certificate"])
        return x509.load_pem_x509_certificate(pem.content)

    def certificate(self, *names, **more):
        url, order = self.order(*names, **more)
        for a in order["authorizations"]:
            assert self.validate(a, "http-01") == "valid", self.get(a)
        return self.finalize(url, names)


def make_csr(names):
    import ipaddress
    sans = [x509.IPAddress(ipaddress.ip_address(n)) if is_address(n) else x509.DNSName(n)
            for n in names]
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.SubjectAlternativeName(sans), False).sign(
            ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return josepy.b64encode(csr.public_bytes(serialization.Encoding.DER)).decode()


def der(cert):
    return josepy.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode()


def ari(cert):
    aki = cert.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = cert.serial_number.to_bytes(cert.serial_number.bit_length() // 8 + 1, "big")
    return josepy.b64encode(aki).decode() + "." + josepy.b64encode(serial).decode()


def refused(want, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except messages.Error as e:
        assert e.typ == PREFIX + want, (want, e.typ, e.detail)
        return
    except errors.ConflictError:
        # Of a 409 the library tells no more.
        assert want == "alreadyReplaced"
        return
    raise AssertionError("want %s, but it was accepted" % want)


def caa_rows(account):
    """Records of caa.example.org, and whether http-01 for a name below it is good enough."""
    ours = '0 issue "ca.kamcert.test'
    return (
        ([ours + '"'], True),
        (['0 issue "other.example"'], False),
        (['0 issue ";"'], False),
        (['0 issue "other.example"', ours + '"'], True),
        (['0 issuewild "other.example"'], True),
        (['0 iodef "mailto:a@example.org"'], True),
        (['128 tbs "x"'], False),
        ([ours + '; accounturi=%s"' % account], True),
        ([ours + '; accounturi=https://other.example/1"'], False),
        ([ours + '; validationmethods=dns-01,http-01"'], True),
        ([ours + '; validationmethods=dns-01"'], False),
    )


def steer(path, text):
    urllib.request.urlopen(control + path, data=text.encode())


def main():
    server = http.server.ThreadingHTTPServer((address, int(http_port)), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    one, two = Account(), Account()

    reply = one.post(one.dir["newAuthz"], {"identifier": {"type": "dns", "value": "pre.example.org"}})
    assert reply.status_code == 201
    _, order = one.order("pre.example.org")
    assert order["authorizations"] == [reply.headers["Location"]], order
    refused("malformed", one.post, one.dir["newAuthz"],
            {"identifier": {"type": "dns", "value": "*.example.org"}})
    print("ok: pre-authorization, RFC 8555 section 7.4.1")

    for i in range(4):
        one.order("list%d.example.org" % i)
    url, seen, pages = one.get(one.regr.uri)["orders"], [], 0
    while url:
        reply = one.post(url)
        seen += reply.json()["orders"]
        url = reply.links.get("next", {}).get("url")
        pages += 1
    assert len(seen) == len(set(seen)) == 5 and pages == 3, (seen, pages)
    print("ok: a list of orders on several pages, RFC 8555 section 7.1.2.1")

    cert = one.certificate(address)
    sans = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert str(sans.get_values_for_type(x509.IPAddress)[0]) == address
    print("ok: a certificate for an address, RFC 8738")

    if socket.has_ipv6:
        six = Six(("::1", int(http_port)), Answer)
        threading.Thread(target=six.serve_forever, daemon=True).start()
        for name, where in ("six", "::1"), ("dead", "::1,%s" % address), ("only4", address):
            steer("/hosts", "%s.example.org=%s" % (name, where))
        one.certificate("six.example.org")
        one.certificate("::1")
        assert len(six.asked) == 2, six.asked
        one.certificate("only4.example.org")
        assert len(six.asked) == 2, six.asked
        six.shutdown()
        six.server_close()
        one.certificate("dead.example.org")
        print("ok: validation over IPv6, and over IPv4 where IPv6 is dead")

    for i, (record, ok) in enumerate(caa_rows(one.regr.uri)):
        steer("/caa", "caa.example.org=")
        steer("/caa", "\n".join("caa.example.org=" + r for r in record))
        _, order = one.order("x%d.y.caa.example.org" % i)
        status = one.validate(order["authorizations"][0], "http-01")
        assert status == ("valid" if ok else "invalid"), (record, status)
        if not ok:
            c = one.challenge(order["authorizations"][0], "http-01")
            assert c["error"]["type"] == PREFIX + "caa", c
    steer("/caa", "caa.example.org=")
    print("ok: CAA of the names above, RFC 8659 and RFC 8657")

    url, order = one.order("*.persist.example.org")
    assert len(order["authorizations"]) == 1
    steer("/txt", "_validation-persist.persist.example.org=ca.kamcert.test; accounturi=%s; policy=wildcard"
          % one.regr.uri)
    assert one.validate(order["authorizations"][0], "dns-persist-01") == "valid"
    one.finalize(url, ["*.persist.example.org"])
    print("ok: dns-persist-01 for a wildcard")

    url, order = one.order("gone.example.org")
    refused("orderNotReady", one.post, order["finalize"], {"csr": make_csr(["gone.example.org"])})
    one.post(order["authorizations"][0], {"status": "deactivated"})
    assert one.get(url)["status"] == "invalid"
    print("ok: a deactivated authorization makes its order invalid")

    refused("rejectedIdentifier", one.order, "blocked.example.org")
    refused("rejectedIdentifier", one.order, "no name.example.org")
    refused("unsupportedIdentifier", one.post, one.dir["newOrder"],
            {"identifiers": [{"type": "email", "value": "a@b"}]})
    refused("invalidProfile", one.order, "p.example.org", profile="none")
    refused("unauthorized", two.get, url)
    refused("malformed", one.post, url, {})
    refused("malformed", one.post, one.dir["newOrder"], {"identifiers": []})
    print("ok: refusals by name, profile, owner and shape")

    cert = one.certificate("short.example.org", profile="short")
    assert (cert.not_valid_after - cert.not_valid_before).total_seconds() == 600
    info = json.loads(one.net.get(one.dir["renewalInfo"] + "/" + ari(cert)).content)
    assert info["suggestedWindow"]["start"] < info["suggestedWindow"]["end"]
    one.certificate("short.example.org", replaces=ari(cert))
    refused("alreadyReplaced", one.order, "short.example.org", replaces=ari(cert))
    refused("unauthorized", two.order, "short.example.org", replaces=ari(cert))
    refused("malformed", one.order, "short.example.org", replaces="AAAA.AAAA")
    print("ok: profiles, renewal information, replaces (RFC 9773)")

    cert = one.certificate("rev.example.org")
    revoke = one.dir["revokeCert"]
    refused("badRevocationReason", one.post, revoke, {"certificate": der(cert), "reason": 7})
    refused("unauthorized", two.post, revoke, {"certificate": der(cert)})
    two.certificate("rev.example.org")
    two.post(revoke, {"certificate": der(cert), "reason": 1})
    refused("alreadyRevoked", one.post, revoke, {"certificate": der(cert)})
    crl = x509.load_der_x509_crl(one.net.get(cert.extensions.get_extension_for_class(
        x509.CRLDistributionPoints).value[0].full_name[0].value,
        content_type="application/pkix-crl").content)
    entry = crl.get_revoked_certificate_by_serial_number(cert.serial_number)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == \
        x509.ReasonFlags.key_compromise
    print("ok: revocation by an account that is authorized for all names; reasons; CRL")

    for _ in range(2):
        _, order = one.order("fails.example.org")
        c = one.challenge(order["authorizations"][0], "dns-01")
        one.post(c["url"], {})
        while one.get(order["authorizations"][0])["status"] == "pending":
            time.sleep(0.02)
    refused("rateLimited", one.order, "fails.example.org")
    two.order("fails.example.org")
    for _ in range(3):
        last = one.certificate("set-a.example.org", "set-b.example.org")
    refused("rateLimited", one.order, "set-b.example.org", "set-a.example.org")
    one.order("set-b.example.org", "set-a.example.org", replaces=ari(last))
    print("ok: limits of failures and of name sets; a renewal that names its predecessor is exempt")

    one.post(one.regr.uri, {"status": "deactivated"})
    refused("unauthorized", one.order, "late.example.org")
    print("ok: a deactivated account is refused")


main()
