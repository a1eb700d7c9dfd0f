"""tls.py HOST PORT CA-FILE RSA|ECDSA: Python's ssl against the responder."""
import socket
import ssl
import sys

host, port, ca, kind = sys.argv[1:]


def visit(version, session=None, **how):
    """One handshake and a request; how: ciphers, curve."""
    c = visit.context if session else ssl.create_default_context(cafile=ca)
    visit.context = c
    c.minimum_version = c.maximum_version = version
    c.set_alpn_protocols(["http/1.1"])
    if "ciphers" in how:
        c.set_ciphers(how["ciphers"])
    if "curve" in how:
        c.set_ecdh_curve(how["curve"])
    with socket.create_connection((host, int(port)), timeout=20) as s:
        with c.wrap_socket(s, server_hostname=host, session=session) as t:
            t.sendall(f"GET /dir HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            text = b""
            while part := t.recv(4096):
                text += part
            assert b"newNonce" in text, text
            assert t.selected_alpn_protocol() == "http/1.1"
            return t.session, t.session_reused, t.cipher()[0]


for suite in "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305":
    assert visit(ssl.TLSVersion.TLSv1_2, ciphers=f"ECDHE-{kind}-{suite}")[2].endswith(suite)
for group in "prime256v1", "secp384r1":
    visit(ssl.TLSVersion.TLSv1_3, curve=group)
session = visit(ssl.TLSVersion.TLSv1_3)[0]
assert visit(ssl.TLSVersion.TLSv1_3, session=session)[1], "not resumed"
