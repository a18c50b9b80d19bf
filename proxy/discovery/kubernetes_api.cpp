#include "proxy/discovery/kubernetes_api.hpp"

#include <utility>

#include "config/named_file.hpp"
#include "proxy/discovery/kubernetes_watch.hpp"

namespace outrigger::discovery {
namespace {

const std::string kAccount = "/var/run/secrets/kubernetes.io/serviceaccount/";
constexpr const char* kServerName = "kubernetes.default.svc";

// As a pod finds it in its environment.
std::optional<std::string> in_cluster_url(const RegistryAccess& access) {
  if (!access.variable) return std::nullopt;
  auto host = access.variable("KUBERNETES_SERVICE_HOST");
  auto port = access.variable("KUBERNETES_SERVICE_PORT_HTTPS");
  if (!port) port = access.variable("KUBERNETES_SERVICE_PORT");
  if (!host || !port) return std::nullopt;
  if (host->find(':') != std::string::npos) host = "[" + *host + "]";
  std::string url = "https://" + *host + ":" + *port;
  if (!parse_url(url)) return std::nullopt;
  return url;
}

}  // namespace

KubernetesApi::KubernetesApi(const Surroundings& surroundings, const RegistryAccess& access,
                             const config::KubernetesRegistryConfig& settings)
    : x_surroundings(surroundings),
      x_ca_path(settings.ca_file.value_or(kAccount + "ca.crt")),
      x_in_cluster(!settings.url),
      x_namespace(settings.name_space.value_or("")) {
  const auto url = settings.url ? settings.url : in_cluster_url(access);
  if (!url) return;
  x_uses_tls = url->starts_with("https:");
  // Over clear text a token goes only where a file for it is named.
  const auto in_account = x_uses_tls ? std::optional(kAccount + "token") : std::nullopt;
  x_server = std::make_unique<RegistryServer>(
      access.transport, surroundings.files, x_tls, std::vector<std::string>{*url},
      settings.token_file ? settings.token_file : in_account);
  x_awaits_authority = x_uses_tls;
  if (x_uses_tls) x_watch_authority = surroundings.files.watch(x_ca_path, *this);
  x_awaits_namespace = x_namespace.empty();
  if (x_awaits_namespace) {
    x_watch_namespace = surroundings.files.watch(kAccount + "namespace", *this);
  }
}

KubernetesApi::~KubernetesApi() = default;

std::shared_ptr<KubernetesWatch> KubernetesApi::watch(
    const std::optional<std::string>& name_space) {
  auto& known = x_watches[name_space.value_or("")];
  auto watch = known.lock();
  if (watch == nullptr) {
    watch = std::make_shared<KubernetesWatch>(x_surroundings.loop, *this, name_space.value_or(""));
    known = watch;
  }
  return watch;
}

std::string KubernetesApi::why_not() const {
  if (x_server == nullptr) {
    return "this is no pod: KUBERNETES_SERVICE_HOST is not set; write \"url\"";
  }
  return !x_wrong_authority.empty() ? x_wrong_authority : x_wrong_namespace;
}

bool KubernetesApi::is_waiting() const {
  return x_awaits_authority || x_awaits_namespace ||
         (x_server != nullptr && x_server->awaits_token());
}

void KubernetesApi::on_file(const std::string& path, const io::FileContent& content) {
  if (path == x_ca_path) return take_authority(content);
  x_awaits_namespace = false;
  x_wrong_namespace = content ? "" : content.error();
  if (content) x_namespace = config::without_newline(*content);
}

// What cannot be used leaves what there was.
void KubernetesApi::take_authority(const io::FileContent& content) {
  x_awaits_authority = false;
  if (!content) {
    if (x_tls.get() == nullptr) x_wrong_authority = content.error();
    return;
  }
  io::TlsClientOptions options{.ca_file = x_ca_path,
                               .cert_file = {},
                               .key_file = {},
                               .server_name = x_in_cluster ? kServerName : "",
                               .spiffe = {},
                               .alpn = {"http/1.1"}};
  const int64_t now_unix_s = x_surroundings.loop.clock.wall_ms() / 1000;
  auto loaded = io::TlsClientContext::load(
      options, now_unix_s, [&](const std::string&) -> Result<std::string> { return *content; });
  if (loaded) {
    x_tls.set(std::move(*loaded));
    x_wrong_authority.clear();
  } else if (x_tls.get() == nullptr) {
    x_wrong_authority = loaded.error();
  }
}

}  // namespace outrigger::discovery
