#include "proxy/app/tls_contexts.hpp"

#include <algorithm>

#include "proxy/app/tls_options.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

std::vector<std::string> offered(config::Protocol protocol) {
  switch (protocol) {
    case config::Protocol::kHttp1:
      return {"http/1.1"};
    case config::Protocol::kHttp2:
      return {"h2"};
    case config::Protocol::kTcp:
    case config::Protocol::kTls:
      return {};
    case config::Protocol::kAuto:
      break;
  }
  return {"h2", "http/1.1"};
}

}  // namespace

Result<bool> TlsContexts::start(const config::Config& config) {
  x_config = config;
  const auto watch_server = [&](const std::optional<config::ServerTls>& tls) {
    if (!tls) return;
    watch(tls->cert_file);
    watch(tls->key_file);
    if (tls->client_ca_file) watch(*tls->client_ca_file);
  };
  if (config.admin) watch_server(config.admin->tls);
  for (const config::ListenerConfig& listener : config.listeners) watch_server(listener.tls);
  for (const config::ServiceConfig& service : config.services) {
    if (!service.policy.tls) continue;
    const config::ClientTls& tls = *service.policy.tls;
    for (const auto& path : {tls.ca_file, tls.cert_file, tls.key_file}) {
      if (path) watch(*path);
    }
  }
  const std::vector<std::string> failures = load();
  if (!failures.empty()) return failure(failures.front());
  return true;
}

void TlsContexts::watch(const std::string& path) {
  if (std::find(x_paths.begin(), x_paths.end(), path) != x_paths.end()) return;
  x_paths.push_back(path);
  x_watches.push_back(std::make_unique<io::FileWatch>(x_loop, path, *this));
}

// Each by itself: one that cannot be used keeps what it had, and stops no other.
std::vector<std::string> TlsContexts::load() {
  std::vector<std::string> failures;
  const int64_t now_unix_s = x_loop.context().clock.wall_ms() / 1000;
  const auto publish = [&](auto context, auto& to, const std::string& whose) {
    if (context) return to.set(std::move(*context));
    failures.push_back(whose + ".tls: " + context.error());
  };
  const auto publish_server = [&](const std::optional<config::ServerTls>& tls,
                                  Published<io::TlsServerContext>& to, const std::string& whose) {
    if (!tls) return;
    publish(io::TlsServerContext::load(tls_options(*tls, {"h2", "http/1.1"}), now_unix_s), to,
            whose);
  };
  if (x_config.admin) publish_server(x_config.admin->tls, x_admin, "admin");
  for (const config::ListenerConfig& listener : x_config.listeners) {
    publish_server(listener.tls, x_process.listeners[listener.name].tls,
                   "listeners." + listener.name);
  }
  for (const config::ServiceConfig& service : x_config.services) {
    if (!service.policy.tls) continue;
    const auto options = tls_options(*service.policy.tls, offered(service.policy.protocol));
    publish(io::TlsClientContext::load(options, now_unix_s),
            x_process.services.find(service.name)->tls(), "services." + service.name);
  }
  return failures;
}

void TlsContexts::on_changed() {
  const std::vector<std::string> failures = load();
  for (const std::string& why : failures) log::warning("certificate not reloaded", {{"why", why}});
  if (failures.empty()) log::info("certificates reloaded");
}

}  // namespace outrigger::app
