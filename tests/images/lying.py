#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lying.py LAYOUT TAG: a registry on loopback over one image of a layout, which prints its
port. The repository's name, x/NAME, says how it misbehaves."""
import base64
import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAYOUT, TAG = sys.argv[1:3]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
seen = {}


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs", "sha256", digest[7:]), "rb") as f:
        return f.read()


with open(os.path.join(LAYOUT, "index.json")) as index:
    TOP = next(m["digest"] for m in json.load(index)["manifests"]
               if m["annotations"]["org.opencontainers.image.ref.name"] == TAG)
IMAGE = json.loads(blob(TOP))
LAYER = IMAGE["layers"][-1]["digest"]


def first_time(*key):
    seen[key] = seen.get(key, 0) + 1
    return seen[key] == 1


class Lying(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, data=b"", headers=(), length=None):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def do_GET(self):
        try:
            self.route()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def route(self):
        if self.path.startswith("/token"):
            return self.token()
        m = re.fullmatch(r"/v2/x/(\w+)/(manifests|blobs)/(.+)", self.path)
        if not m:
            return self.answer(200, b"{}")
        name, kind, what = m.groups()
        quirk = getattr(self, "%s_%s" % (kind, name), None)
        if not self.allowed(name):
            return None
        if quirk:
            return quirk(what)
        return self.manifest() if kind == "manifests" else self.blob(what)

    def manifest(self, **change):
        data = json.dumps(dict(IMAGE, **change)).encode() if change else blob(TOP)
        return self.answer(200, data, [("Content-Type", MANIFEST)])

    def blob(self, digest):
        return self.answer(200, blob(digest))

    # --- authentication ---

    def allowed(self, name):
        got = self.headers.get("Authorization", "")
        base = "http://127.0.0.1:%d" % self.server.server_port
        bearer = 'Bearer realm="%s/token",service="a \\"b\\"",scope="x"' % base
        want = {"token": bearer, "authloop": bearer, "notoken": bearer.replace("/token", "/tokenless"),
                "basic": 'Negotiate abc==, Basic realm="x"', "badchallenge": "Digest realm=x"}.get(name)
        if not want or (name == "token" and got == "Bearer good") or (name == "basic" and self.is_me(got)):
            return True
        self.answer(401, b"{}", [("WWW-Authenticate", want)])
        return False

    @staticmethod
    def is_me(header):
        return header == "Basic " + base64.b64encode(b"me:secret").decode()

    def token(self):
        if self.path.startswith("/tokenless"):
            return self.answer(200, b'{"no":"token"}')
        # authloop: a token that no one accepts, for everybody who has no login here
        if "%3Ax%2Fauthloop%3A" in self.path:
            return self.answer(200, b'{"token":"useless"}')
        if not self.is_me(self.headers.get("Authorization", "")) or "repository%3Ax%2Ftoken%3Apull" not in self.path:
            return self.answer(401, b"{}")
        return self.answer(200, b'{"access_token":"good"}')

    # --- manifests ---

    def manifests_html(self, _):
        self.answer(200, b"<html><body>Please log in</body></html>", [("Content-Type", "text/html")])

    def manifests_deep(self, _):
        self.answer(200, b"[" * 10000 + b"]" * 10000)

    def manifests_hugemanifest(self, _):
        self.answer(200, b" " * (5 << 20))

    def manifests_hugeheaders(self, _):
        self.answer(200, b"{}", [("X-%d" % i, "v" * 1000) for i in range(200)])

    def redirect(self, to):
        self.answer(307, b"", [("Location", to)])

    def manifests_redirectloop(self, _):
        self.redirect(self.path)

    def manifests_redirectfile(self, _):
        self.redirect("file:///etc/passwd")

    def manifests_redirectout(self, _):
        self.redirect("http://registry.invalid/v2/x")

    def manifests_hangup(self, _):
        self.hang_up()

    def manifests_error500(self, _):
        self.answer(500, b"oops")

    def manifests_million(self, _):
        self.manifest(layers=IMAGE["layers"] * 10000)

    def manifests_hugelayer(self, _):
        self.manifest(layers=[dict(IMAGE["layers"][0], size=1 << 60)])

    def manifests_wasm(self, _):
        self.manifest(layers=[dict(IMAGE["layers"][0], mediaType="application/wasm")])

    def manifests_schema1(self, _):
        self.manifest(schemaVersion=1)

    def manifests_nolayers(self, _):
        self.manifest(layers=[])

    def manifests_busy(self, _):
        if first_time("busy"):
            return self.answer(429, b"slow down", [("Retry-After", "1")])
        if first_time("busy, again"):
            return self.answer(503)
        return self.manifest()

    def manifests_long(self, _):
        self.manifest(layers=[dict(IMAGE["layers"][0], size=IMAGE["layers"][0]["size"] - 10)])

    # --- blobs ---

    def blobs_wrongblob(self, digest):
        data = bytearray(blob(digest))
        data[len(data) // 2] ^= 1
        self.answer(200, bytes(data))

    def blobs_short(self, digest):
        self.answer(200, blob(digest)[:-7])

    def blobs_stall(self, digest):
        self.answer(200, blob(digest)[:50], length=len(blob(digest)))
        self.wfile.flush()
        time.sleep(100)

    def broken_off(self, digest, ranges):
        data, start = blob(digest), 0
        m = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if digest != LAYER:
            return self.answer(200, data)
        if m and ranges:
            start = int(m.group(1))
            headers = [("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))]
        stop = start + len(data) // 3 if seen.setdefault((self.path, "n"), 0) < 2 else len(data)
        seen[(self.path, "n")] += 1
        if start:
            self.answer(206, data[start:stop], headers, length=len(data) - start)
        else:
            self.answer(200, data[:stop], length=len(data))
        if stop < len(data):
            self.hang_up()
        return None

    def blobs_resume(self, digest):
        self.broken_off(digest, True)

    def blobs_norange(self, digest):
        self.broken_off(digest, False)


server = ThreadingHTTPServer(("127.0.0.1", 0), Lying)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
