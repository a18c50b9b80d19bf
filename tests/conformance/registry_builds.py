"""Real registries, built once from the Go module proxy and Maven Central into the cache. What
cannot be built is tools.Missing, with the cause.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import tools

CONSUL = "1.14.11"  # later ones do not build from published modules
CONSUL_MODULE = f"""\
module registry
go 1.25
require github.com/hashicorp/consul v{CONSUL}
replace github.com/hashicorp/consul/api => github.com/hashicorp/consul/api v1.18.1
replace github.com/hashicorp/consul/proto-public => github.com/hashicorp/consul/proto-public v0.2.1
replace github.com/hashicorp/consul/sdk => github.com/hashicorp/consul/sdk v0.13.0
replace launchpad.net/gocheck => github.com/go-check/check v0.0.0-20140225173054-eb6ee6f84d0a
"""

SPRING_BOOT, SPRING_CLOUD = "3.3.5", "2023.0.3"
EUREKA_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-starter-parent</artifactId><version>{SPRING_BOOT}</version></parent>
  <groupId>registry</groupId> <artifactId>eureka</artifactId> <version>1</version>
  <properties><java.version>17</java.version></properties>
  <dependencyManagement><dependencies><dependency>
    <groupId>org.springframework.cloud</groupId> <artifactId>spring-cloud-dependencies</artifactId>
    <version>{SPRING_CLOUD}</version> <type>pom</type> <scope>import</scope>
  </dependency></dependencies></dependencyManagement>
  <dependencies><dependency><groupId>org.springframework.cloud</groupId>
    <artifactId>spring-cloud-starter-netflix-eureka-server</artifactId></dependency></dependencies>
  <build><plugins><plugin><groupId>org.springframework.boot</groupId>
    <artifactId>spring-boot-maven-plugin</artifactId></plugin></plugins></build>
</project>
"""
EUREKA_CLASS = """\
package registry;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
@SpringBootApplication @EnableEurekaServer
public class Eureka {
  public static void main(String[] arguments) { SpringApplication.run(Eureka.class, arguments); }
}
"""
KUBERNETES = "1.30.14"
STAGING = """api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider
cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api
cri-client csi-translation-lib dynamic-resource-allocation endpointslice kms kube-aggregator
kube-controller-manager kube-proxy kube-scheduler kubectl kubelet legacy-cloud-providers metrics
mount-utils pod-security-admission""".split()


def folder_of(name):
    return tools.CACHE / "outrigger/conformance" / name


def go_program(name, module, package, imported, needs):
    """A program of a module that `go install` refuses for its `replace` lines."""
    folder = folder_of(name)
    program = folder / package.rsplit("/", 1)[1]
    if program.exists():
        return str(program)
    tools.need_installing(name)
    tools.need_go()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        partial = pathlib.Path(scratch)
        (partial / "go.mod").write_text(module)
        (partial / "tools.go").write_text(
            f'//go:build tools\n\npackage tools\n\nimport _ "{imported}"\n')
        environment = {**os.environ, "GOFLAGS": "-mod=mod"}
        found = subprocess.run(["go", "mod", "download", "-json", needs], cwd=partial,
                               env=environment, capture_output=True, text=True, check=False)
        with contextlib.suppress(ValueError, KeyError, OSError):
            shutil.copy(pathlib.Path(json.loads(found.stdout)["Dir"]) / "go.sum",
                        partial / "go.sum")
            (partial / "go.sum").chmod(0o644)
        tools.install(f"go mod tidy of {name}", ["go", "mod", "tidy", "-e"], partial, environment)
        tools.install(f"go build {package}", ["go", "build", "-o", partial / program.name, package],
                      partial, environment)
        folder.mkdir(exist_ok=True)
        shutil.move(partial / program.name, program)
    return str(program)


def consul():
    package = "github.com/hashicorp/consul"
    return go_program(f"consul@{CONSUL}", CONSUL_MODULE, package, package, f"{package}@v{CONSUL}")


def kube_apiserver():
    module = [f"module registry\ngo 1.25\nrequire k8s.io/kubernetes v{KUBERNETES}"]
    version = KUBERNETES.replace("1.", "0.", 1)
    module += [f"replace k8s.io/{name} => k8s.io/{name} v{version}" for name in STAGING]
    return go_program(f"kube-apiserver@{KUBERNETES}", "\n".join(module) + "\n",
                      "k8s.io/kubernetes/cmd/kube-apiserver",
                      "k8s.io/kubernetes/cmd/kube-apiserver/app",
                      f"k8s.io/kubernetes@v{KUBERNETES}")


def eureka():
    """The jar of a server."""
    folder = folder_of(f"eureka@{SPRING_CLOUD}")
    jar = folder / "eureka-1.jar"
    if not jar.exists():
        tools.need_installing(folder.name)
        maven = tools.debian_tool("mvn", "maven")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            partial = pathlib.Path(scratch)
            (partial / "src/main/java/registry").mkdir(parents=True)
            (partial / "pom.xml").write_text(EUREKA_POM)
            (partial / "src/main/java/registry/Eureka.java").write_text(EUREKA_CLASS)
            tools.install("mvn package of a Eureka server", [maven, "-q", "-B", "package"], partial)
            shutil.move(partial / "target/eureka-1.jar", jar)
    return str(jar)
