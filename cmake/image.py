#!/usr/bin/env python3
"""Makes the container image from an installed tree: from scratch, without a daemon or root, and the
same bytes each time.

image.py --staged DIR --version V --revision R --epoch SECONDS --output FILE [--built-with PACKAGES]

DIR is what `cmake --install --prefix DIR/usr` made. To it come nft, the libraries that both need,
the CA certificates where OpenSSL looks for them, and of every package its licence, its entry for
scanners (/var/lib/dpkg/status.d) and its line in the SBOM. The result is one archive that is an OCI
layout and what `docker save` writes: podman and docker load it, skopeo copies it.
"""
import argparse
import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
USER = 15001
PASSWD = f"root:x:0:0:root:/:/sbin/nologin\noutrigger:x:{USER}:{USER}:outrigger:/:/sbin/nologin\n"
GROUP = f"root:x:0:\noutrigger:x:{USER}:\n"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Tree:
    """The files of the image by name, with where on this system each came from."""

    def __init__(self):
        self.entries = {}  # name -> (kind, mode, content)
        self.origins = set()

    def folder(self, name):
        if name and name not in self.entries:
            self.folder(os.path.dirname(name))
            self.entries[name] = ("folder", 0o755, b"")

    def add(self, name, content, mode=0o644):
        name = name.lstrip("/")
        self.folder(os.path.dirname(name))
        self.entries[name] = ("file", mode, content)

    def link(self, name, target):
        name = name.lstrip("/")
        self.folder(os.path.dirname(name))
        self.entries[name] = ("link", 0o777, target.encode())

    def copy(self, source, name=None, mode=0o644):
        real = os.path.realpath(source)
        self.origins.add(real)
        self.add(name or source, pathlib.Path(real).read_bytes(), mode)

    def tar(self, epoch):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name in sorted(self.entries):
                kind, mode, content = self.entries[name]
                info = tarfile.TarInfo(name)
                info.mode, info.mtime = mode, epoch
                if kind == "folder":
                    info.type = tarfile.DIRTYPE
                elif kind == "link":
                    info.type, info.linkname = tarfile.SYMTYPE, content.decode()
                else:
                    info.size = len(content)
                archive.addfile(info, io.BytesIO(content) if kind == "file" else None)
        return out.getvalue()


def libraries_of(program):
    """(name in the image, file here) of each, the loader included."""
    for line in output_of("ldd", program).splitlines():
        found = re.match(r"\s*(?:\S+ => )?(/\S+) \(0x", line)
        if found:
            path = found.group(1)
            yield re.sub(r"^/lib", "/usr/lib", path), path


def package_of(path):
    for candidate in (path, re.sub(r"^/usr", "", path)):
        found = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True,
                               check=False)
        if found.returncode == 0:
            return found.stdout.split(": ")[0].split(",")[0].split(":")[0]
    sys.exit(f"image: no package owns {path}")


def facts_of(package):
    text = output_of("dpkg-query", "-s", package)
    return text, dict(re.findall(r"^(Version|Maintainer|Architecture): (.*)$", text, re.M))


def add_packages(tree):
    packages = sorted({package_of(path) for path in tree.origins})
    for package in packages:
        text, _ = facts_of(package)
        tree.add(f"/var/lib/dpkg/status.d/{package}", text.encode())
        licence = f"/usr/share/doc/{package}/copyright"
        tree.add(licence, pathlib.Path(licence).read_bytes())
    return packages


def spdx_package(name, version, supplier, purl=None):
    package = {"SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), "name": name,
               "versionInfo": version, "supplier": supplier, "downloadLocation": "NOASSERTION",
               "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
               "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION"}
    if purl:
        package["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                    "referenceLocator": purl}]
    return package


def sbom(version, created, packages, built_with):
    """SPDX 2.3: what is in the image, and what was compiled into the program."""
    own = spdx_package("outrigger", version, "NOASSERTION")
    own["licenseDeclared"] = "Apache-2.0"
    listed, relations = [own], []
    for package in packages + [name for name in built_with if name not in packages]:
        _, facts = facts_of(package)
        purl = f"pkg:deb/debian/{package}@{facts['Version']}?arch={facts['Architecture']}"
        supplier = f"Person: {facts['Maintainer']}"
        listed.append(spdx_package(package, facts["Version"], supplier, purl))
        kind = "STATIC_LINK" if package in built_with else "DEPENDS_ON"
        relations.append({"spdxElementId": own["SPDXID"], "relationshipType": kind,
                          "relatedSpdxElement": listed[-1]["SPDXID"]})
    relations.append({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                      "relatedSpdxElement": own["SPDXID"]})
    document = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
                "name": f"outrigger-{version}", "creationInfo":
                {"created": created, "creators": ["Tool: outrigger-image"]}, "packages": listed,
                "relationships": relations}
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    document["documentNamespace"] = f"https://outrigger.dev/spdx/{version}-{digest[:16]}"
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def root_of(staged, version, created, built_with):
    tree = Tree()
    for name in ("lib", "lib64", "bin", "sbin"):
        tree.link(name, f"usr/{name}")
    program = staged / "usr/bin/outrigger"
    for path in sorted(staged.rglob("*")):
        if path.is_file():
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            tree.add(str(path.relative_to(staged)), path.read_bytes(), mode)
    tree.copy("/usr/sbin/nft", mode=0o755)
    for binary in (str(program), "/usr/sbin/nft"):
        for name, path in libraries_of(binary):
            tree.copy(path, name, 0o755)
    tree.origins.add("/usr/sbin/update-ca-certificates")  # which made the bundle: no package has it
    tree.add(CERTIFICATES, pathlib.Path(CERTIFICATES).read_bytes())
    tree.link("/usr/lib/ssl/cert.pem", CERTIFICATES)
    tree.link("/usr/lib/ssl/certs", "/etc/ssl/certs")
    tree.add("/etc/passwd", PASSWD.encode())
    tree.add("/etc/group", GROUP.encode())
    tree.add("/etc/outrigger/pod.yaml", (HERE / "pod.yaml").read_bytes())
    tree.folder("etc/outrigger/config")
    packages = add_packages(tree)
    tree.add("/usr/share/sbom/outrigger.spdx.json", sbom(version, created, packages, built_with))
    return tree


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def image(layer, zipped, arguments, created):
    """The archive as a tree: an OCI layout, and the file that docker reads."""
    labels = {"org.opencontainers.image.title": "outrigger",
              "org.opencontainers.image.description":
                  "A sidecar that carries the outbound HTTP calls of a service",
              "org.opencontainers.image.version": arguments.version,
              "org.opencontainers.image.revision": arguments.revision,
              "org.opencontainers.image.created": created,
              "org.opencontainers.image.licenses": "Apache-2.0"}
    machine = os.uname().machine
    config = json.dumps({
        "architecture": ARCHITECTURES.get(machine, machine), "os": "linux", "created": created,
        "config": {"User": str(USER), "Entrypoint": ["/usr/bin/outrigger"], "WorkingDir": "/",
                   "Env": ["PATH=/usr/bin:/usr/sbin"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest_of(layer)]},
        "history": [{"created": created, "created_by": "cmake/image.py"}]}, sort_keys=True).encode()
    layer_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    config_type = "application/vnd.oci.image.config.v1+json"
    manifest_type = "application/vnd.oci.image.manifest.v1+json"

    def descriptor(kind, content, **more):
        return {"mediaType": kind, "digest": "sha256:" + digest_of(content),
                "size": len(content), **more}

    manifest = json.dumps({"schemaVersion": 2, "mediaType": manifest_type,
                           "config": descriptor(config_type, config),
                           "layers": [descriptor(layer_type, zipped)]}, sort_keys=True).encode()
    reference = f"outrigger:{arguments.version}"
    named = {"org.opencontainers.image.ref.name": arguments.version,
             "io.containerd.image.name": f"docker.io/library/{reference}"}
    index = json.dumps({"schemaVersion": 2, "manifests": [
        descriptor(manifest_type, manifest, annotations=named)]}, sort_keys=True).encode()
    archive = Tree()
    for content in (config, zipped, manifest):
        archive.add("blobs/sha256/" + digest_of(content), content)
    archive.add("index.json", index)
    archive.add("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    archive.add("manifest.json", json.dumps([{
        "Config": "blobs/sha256/" + digest_of(config), "RepoTags": [reference],
        "Layers": ["blobs/sha256/" + digest_of(zipped)]}]).encode())
    return archive, "sha256:" + digest_of(manifest)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--staged", type=pathlib.Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--built-with", nargs="*", default=[])
    arguments = parser.parse_args()
    created = datetime.datetime.fromtimestamp(arguments.epoch, datetime.timezone.utc) \
        .strftime("%Y-%m-%dT%H:%M:%SZ")
    tree = root_of(arguments.staged, arguments.version, created, arguments.built_with)
    layer = tree.tar(arguments.epoch)
    zipped = gzip.compress(layer, 9, mtime=0)
    archive, digest = image(layer, zipped, arguments, created)
    arguments.output.write_bytes(archive.tar(arguments.epoch))
    print(f"{arguments.output}: outrigger:{arguments.version} {digest}, "
          f"{len(layer) / 1e6:.1f} MB, {len(zipped) / 1e6:.1f} MB gzipped")


if __name__ == "__main__":
    main()
