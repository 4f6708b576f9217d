#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mkoci.py tar CASE FILE: a layer archive with the oddities that CASE names.
mkoci.py layout DIR TAG [--arch A] [--compress C] TAR...: adds an image of these layers to
the OCI layout DIR. C: gzip, members, zstd, frames, none.
mkoci.py index DIR TAG TAG...: adds an index TAG of the images tagged TAG...
mkoci.py save FILE NAME TAR [NAME TAR]...: what `docker save` writes of images of one layer each; a
layer that came before is a link.
mkoci.py break DIR TAG WHAT: damages that image: digest, truncate, diffid, size, gzip"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

TYPES = {"none": "", "gzip": "+gzip", "members": "+gzip", "zstd": "+zstd", "frames": "+zstd"}


# --- archives -----------------------------------------------------------------


class Tar:
    def __init__(self, path, fmt=tarfile.PAX_FORMAT):
        self.tar = tarfile.open(path, "w", format=fmt, encoding="utf-8", errors="surrogateescape")

    def put(self, name, data=None, kind=None, mode=None, link="", uid=0, gid=0, mtime=1600000000, xattrs=None,
            dev=(0, 0)):
        info = tarfile.TarInfo(name)
        info.type = kind or (tarfile.REGTYPE if data is not None else tarfile.DIRTYPE)
        info.mode = mode if mode is not None else (0o755 if info.type == tarfile.DIRTYPE else 0o644)
        info.uid, info.gid, info.mtime, info.linkname = uid, gid, mtime, link
        info.devmajor, info.devminor = dev
        info.pax_headers = {"SCHILY.xattr." + k: v for k, v in (xattrs or {}).items()}
        data = data or b""
        info.size = len(data)
        self.tar.addfile(info, io.BytesIO(data))

    def link(self, name, target):
        self.put(name, kind=tarfile.LNKTYPE, link=target)

    def symlink(self, name, target, **more):
        self.put(name, kind=tarfile.SYMTYPE, link=target, mode=0o777, **more)

    def close(self):
        self.tar.close()


def case_edge(t):
    t.put("./", mode=0o711, mtime=1500000000)
    t.put("bin/", uid=1, gid=2)
    t.put("bin/su", b"#!su\n", mode=0o4755)
    t.put("bin/grp", b"x", mode=0o2711)
    t.put("tmp/", mode=0o1777)
    t.put("empty", b"")
    t.put("block", b"b" * 4096)
    t.put("block1", b"c" * 4097)
    t.put("big", bytes(range(256)) * 5000)
    t.put("ids", b"i", uid=100000, gid=4000000000)
    t.put("before-1970", b"o", mtime=-86400)
    t.put("fraction", b"f", mtime=1600000000.123456789)
    t.put("far", b"f", mtime=5000000000)
    t.symlink("link", "bin/su")
    t.symlink("dangling", "/nowhere/at/all")
    t.symlink("longlink", "/".join(["x" * 200] * 20)[:4095])
    t.link("hard1", "bin/su")
    t.link("deep/er/hard2", "./bin/su")
    t.put("n" * 255, b"long name")
    t.put("/".join(["d" * 200] * 15) + "/leaf", b"long path")
    t.put("caf\udce9-latin1", b"not utf-8")
    t.put("caf\u00e9-\u4e2d", b"utf-8")
    t.put(" lead", b"space")
    t.put("new\nline", b"n")
    for n in ("!", "+", "-", ".hidden", "..dots", "...", "/", "A", "_", "~"):
        t.put("sort/" + n + "x", n.encode())
    t.put("dev/", mode=0o755)
    t.put("dev/null", kind=tarfile.CHRTYPE, mode=0o666, dev=(1, 3))
    t.put("dev/sda1", kind=tarfile.BLKTYPE, mode=0o660, gid=6, dev=(8, 1))
    t.put("dev/high", kind=tarfile.CHRTYPE, mode=0o600, dev=(511, 300000))
    t.put("dev/fifo", kind=tarfile.FIFOTYPE, mode=0o600)
    t.put("xattr", b"x", xattrs={"user.color": "blue", "user.long": "v" * 3000, "security.note": "n"})
    t.put("xattrdir/", xattrs={"user.dir": "d"})
    t.symlink("xattrlink", "l" * 4000, xattrs={"trusted.link": "l" * 50})
    t.put("many/")
    for i in range(1200):
        t.put("many/file-%05d-%s" % (i, "p" * (i % 90)), b"%d" % i)
    for i in range(40):
        t.put("blockdirs/%d/" % i)
    t.put("twice", b"first, and longer")
    t.put("twice", b"second")
    t.put("file-to-dir", b"f")
    t.put("file-to-dir/")
    t.put("file-to-dir/in", b"in")
    t.put("dir-to-file/a/b", b"gone")
    t.put("dir-to-file", b"now a file")
    t.put("dir-again/keep", b"k")
    t.put("dir-again/", mode=0o700, uid=5)
    t.symlink("via", "bin")
    t.put("via/through", b"lands in bin")
    t.put("/abs/olute", b"a")
    t.put("a/./b//../c", b"cleaned")
    t.put("implied/made/up", b"")


def case_gnu(t):
    t.put("g" * 150 + "/" + "h" * 120, b"GNU long name")
    t.symlink("gl", "t" * 300)
    t.put("ids", b"i", uid=3000000, gid=3000001)


def case_ustar(t):
    t.put("u" * 90 + "/" + "v" * 90, b"prefix")


def case_lower(t):
    t.put("./")
    for d in ("keep", "gone", "opaque", "mixed", "replaced", "both", "sub/opq"):
        t.put(d + "/")
        t.put(d + "/low", b"low")
        t.put(d + "/low2", b"low2")
    t.put("file", b"low")
    t.put("tofile/")
    t.put("tofile/x", b"x")
    t.put("hidden", b"h")


def case_upper(t):
    t.put("./")
    t.put("keep/", mode=0o750)
    t.put("keep/up", b"up")
    t.put(".wh.gone", b"")
    t.put("opaque/")
    t.put("opaque/.wh..wh..opq", b"")
    t.put("opaque/up", b"up")
    t.put("mixed/")
    t.put("mixed/.wh.low", b"")
    t.put("mixed/low3", b"low3")
    t.put("replaced", b"a file now")
    t.put("both/")
    t.put("both/own", b"own")
    t.put("both/.wh..wh..opq", b"")
    t.put("sub/")
    t.put("sub/opq/")
    t.put("sub/opq/up", b"up")
    t.put("sub/opq/.wh..wh..opq", b"")
    t.put("file", b"upper")
    t.put("tofile", b"t")
    # A whiteout acts on the layers below, whatever stands first.
    t.put("hidden", b"own survives")
    t.put(".wh.hidden", b"")
    t.put("onlywh/")
    t.put("onlywh/.wh.nothing", b"")
    t.put("onlywh/real", b"r")


def case_third(t):
    t.put("./")
    t.put("gone/")
    t.put("gone/again", b"again")
    t.put("keep/")
    t.put("keep/.wh.low2", b"")
    t.put("opaque/")
    t.put("opaque/more", b"more")


def case_owned(t):
    t.put("./", mode=0o711, uid=3, mtime=1500000000)
    t.put("etc/", mode=0o750, uid=5, gid=6, mtime=1500000001)
    t.put("etc/app/", mode=0o2770, uid=7, mtime=1500000002, xattrs={"user.dir": "d", "trusted.t": "t"})
    t.put("etc/app/conf", b"low")
    t.put("etc/gone", b"g")
    t.put("var/", mode=0o1777, mtime=1500000003)
    t.put("opq/", mode=0o700, uid=8)
    t.put("opq/low", b"low")
    t.put("away/", mode=0o700, uid=9)
    t.put("away/low", b"low")
    t.put("was-file", b"f")
    t.put("mid/", mode=0o701, uid=10)
    t.put("mid/deep/", mode=0o702, uid=11)


def case_orphan(t):
    """Files without the directories they are in."""
    t.put("etc/app/new", b"n")
    t.put("etc/.wh.gone", b"")
    t.put("var/made/up", b"u")
    t.put("opq/.wh..wh..opq", b"")
    t.put("opq/up", b"u")
    t.put(".wh.away", b"")
    t.put("away/again", b"a")
    t.put(".wh.was-file", b"")
    t.put("was-file/in", b"i")
    t.put("mid/deep/er/file", b"d")


def case_renamed(t):
    """Names one of them, and those of the layer between."""
    t.put("mid/", mode=0o711, uid=12)
    t.put("var/made/x", b"x")
    t.put("mid/deep/er/", mode=0o703, uid=13)


def case_root_opaque(t):
    t.put("./", mode=0o755)
    t.put(".wh..wh..opq", b"")
    t.put("alone", b"alone")


def bad(*args, **kwargs):
    return lambda t: t.put(*args, **kwargs)


CASES = {
    "edge": case_edge, "lower": case_lower, "upper": case_upper, "third": case_third, "root_opaque": case_root_opaque,
    "owned": case_owned,
    "orphan": case_orphan, "renamed": case_renamed, "gnu": case_gnu, "ustar": case_ustar, "empty": lambda t: None,
    "dotdot": bad("a/../../etc/passwd", b"x"),
    "absdotdot": bad("/../etc/passwd", b"x"),
    "hardlink_out": bad("h", kind=tarfile.LNKTYPE, link="../../etc/passwd"),
    "hardlink_none": bad("h", kind=tarfile.LNKTYPE, link="not/here"),
    "whiteout_dots": bad("a/.wh...", b""),
    "name_256": bad("n" * 256, b""),
    "path_5000": bad("/".join(["p" * 200] * 25), b""),
    "owner": bad("o", b"", uid=1 << 33),
    "device": bad("d", kind=tarfile.CHRTYPE, dev=(5000, 1)),
    "negative": bad("neg", b""),
}


def case_loop(t):
    t.symlink("l1", "l2")
    t.symlink("l2", "l1")
    t.put("l1/x", b"x")


def case_through_link(t):
    # Within the image a link may point anywhere: it is resolved beneath the root.
    t.symlink("out", "../../../../etc")
    t.put("out/hosts", b"inside")


def case_filedir(t):
    t.put("f", b"f")
    t.put("f/under", b"u")


CASES.update(loop=case_loop, through_link=case_through_link, filedir=case_filedir)


def cmd_tar(case, path):
    fmt = {"gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT, "negative": tarfile.GNU_FORMAT}
    t = Tar(path, fmt.get(case, tarfile.PAX_FORMAT))
    CASES[case](t)
    t.close()
    if case == "negative":
        patch_size(path, b"\xff" * 11 + b"\xfb")


def patch_size(path, field):
    with open(path, "r+b") as f:
        head = bytearray(f.read(512))
        head[124:136] = field
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        f.seek(0)
        f.write(head)


# --- layouts ------------------------------------------------------------------


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob_path(layout, digest):
    return os.path.join(layout, "blobs", "sha256", digest[7:])


def put_blob(layout, data):
    os.makedirs(os.path.join(layout, "blobs", "sha256"), exist_ok=True)
    with open(blob_path(layout, sha(data)), "wb") as f:
        f.write(data)
    return {"digest": sha(data), "size": len(data)}


def zstd(data):
    return subprocess.run(["zstd", "-q", "-3"], input=data, stdout=subprocess.PIPE, check=True).stdout


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if how == "members":
        half = len(data) // 2
        return gzip.compress(data[:half], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(data[half:], mtime=0)
    if how == "zstd":
        return zstd(data)
    if how == "frames":
        half = len(data) // 2
        return zstd(data[:half]) + b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc" + zstd(data[half:])
    return data


def read_index(layout):
    try:
        with open(os.path.join(layout, "index.json")) as f:
            return json.load(f)
    except FileNotFoundError:
        return {"schemaVersion": 2, "manifests": []}


def tag_blob(layout, desc, media, tag, platform=None):
    index = read_index(layout)
    index["manifests"] = [m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] != tag]
    entry = dict(desc, mediaType=media, annotations={"org.opencontainers.image.ref.name": tag})
    if platform:
        entry["platform"] = platform
    index["manifests"].append(entry)
    with open(os.path.join(layout, "index.json"), "w") as f:
        json.dump(index, f)
    with open(os.path.join(layout, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


def make_manifest(layout, tag, layers, diff_ids, arch):
    config = {"created": "2024-01-02T03:04:05Z", "os": "linux", "architecture": arch,
              "config": {"Cmd": ["/bin/sh"], "Env": ["A=b"], "WorkingDir": "/tmp", "User": "1:2"},
              "history": [{"created_by": "ADD layer %d" % i} for i in range(len(diff_ids))] +
                         [{"created_by": '/bin/sh -c #(nop) CMD "x"', "empty_layer": True}],
              "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    c = dict(put_blob(layout, json.dumps(config).encode()), mediaType="application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": c,
                "layers": layers}
    desc = put_blob(layout, json.dumps(manifest).encode())
    tag_blob(layout, desc, manifest["mediaType"], tag, {"os": "linux", "architecture": arch})


def cmd_layout(layout, tag, *args):
    args, arch, how, layers, diff_ids = list(args), "arm64", "gzip", [], []
    while args:
        a = args.pop(0)
        if a == "--arch":
            arch = args.pop(0)
        elif a == "--compress":
            how = args.pop(0)
        else:
            with open(a, "rb") as f:
                data = f.read()
            diff_ids.append(sha(data))
            layers.append(dict(put_blob(layout, compress(data, how)),
                               mediaType="application/vnd.oci.image.layer.v1.tar" + TYPES[how]))
    make_manifest(layout, tag, layers, diff_ids, arch)


def find(layout, tag):
    return next(m for m in read_index(layout)["manifests"]
                if m["annotations"]["org.opencontainers.image.ref.name"] == tag)


def load(layout, digest):
    with open(blob_path(layout, digest)) as f:
        return json.load(f)


def cmd_index(layout, tag, *tags):
    entries = []
    for t in tags:
        m = find(layout, t)
        entries.append({k: m[k] for k in ("digest", "size", "mediaType", "platform")})
    # What build tools add for attestations.
    entries.append(dict(entries[0], platform={"os": "unknown", "architecture": "unknown"}))
    media = "application/vnd.oci.image.index.v1+json"
    data = json.dumps({"schemaVersion": 2, "mediaType": media, "manifests": entries}).encode()
    tag_blob(layout, put_blob(layout, data), media, tag)


def cmd_break(layout, tag, what):
    m = find(layout, tag)
    manifest = load(layout, m["digest"])
    layer = manifest["layers"][-1]
    path = blob_path(layout, layer["digest"])
    with open(path, "rb") as f:
        data = bytearray(f.read())
    if what == "digest":
        data[len(data) // 2] ^= 1
    elif what == "truncate":
        data = data[:len(data) // 2]
    elif what == "grow":
        data += b"more"
    if what in ("digest", "truncate", "grow"):
        with open(path, "wb") as f:
            f.write(data)
        return
    config = load(layout, manifest["config"]["digest"])
    if what == "diffid":
        config["rootfs"]["diff_ids"][-1] = "sha256:" + "1" * 64
    elif what == "count":
        config["rootfs"]["diff_ids"].pop()
    elif what == "gzip":
        layer.update(put_blob(layout, bytes(data[:-20])))
    elif what == "garbage":
        layer.update(put_blob(layout, b"this is no archive\n" * 400))
    make_manifest(layout, tag, manifest["layers"], config["rootfs"]["diff_ids"], "arm64")


def cmd_save(path, *pairs):
    archive, entries, seen = Tar(path), [], {}
    for name, tar in zip(pairs[::2], pairs[1::2]):
        with open(tar, "rb") as f:
            data = f.read()
        config = json.dumps({"os": "linux", "architecture": "arm64", "config": {"Env": ["NAME=" + name]},
                             "rootfs": {"type": "layers", "diff_ids": [sha(data)]}}).encode()
        here = sha(config)[7:]
        if data in seen:
            archive.symlink(here + "/layer.tar", "../%s/layer.tar" % seen[data])
        else:
            archive.put(here + "/layer.tar", data)
        seen.setdefault(data, here)
        archive.put(here + ".json", config)
        entries.append({"Config": here + ".json", "RepoTags": [name], "Layers": [here + "/layer.tar"]})
    archive.put("manifest.json", json.dumps(entries).encode())
    archive.close()


globals()["cmd_" + sys.argv[1]](*sys.argv[2:])
