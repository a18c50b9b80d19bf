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
  return load(config);
}

void TlsContexts::watch(const std::string& path) {
  if (std::find(x_paths.begin(), x_paths.end(), path) != x_paths.end()) return;
  x_paths.push_back(path);
  x_watches.push_back(std::make_unique<io::FileWatch>(x_loop, path, *this));
}

Result<bool> TlsContexts::load(const config::Config& config) {
  const int64_t now_unix_s = x_loop.context().clock.wall_ms() / 1000;
  const auto publish = [&](const config::ServerTls& tls, Published<io::TlsServerContext>& to,
                           const std::string& whose) -> Result<bool> {
    auto context = io::TlsServerContext::load(tls_options(tls, {"h2", "http/1.1"}), now_unix_s);
    if (!context) return failure(whose + ".tls: " + context.error());
    to.set(std::move(*context));
    return true;
  };
  if (config.admin && config.admin->tls) {
    if (auto done = publish(*config.admin->tls, x_admin, "admin"); !done) return done;
  }
  for (const config::ListenerConfig& listener : config.listeners) {
    if (!listener.tls) continue;
    auto done = publish(*listener.tls, x_process.listeners[listener.name].tls,
                        "listeners." + listener.name);
    if (!done) return done;
  }
  for (const config::ServiceConfig& service : config.services) {
    if (!service.policy.tls) continue;
    const auto options = tls_options(*service.policy.tls, offered(service.policy.protocol));
    auto context = io::TlsClientContext::load(options, now_unix_s);
    if (!context) return failure("services." + service.name + ".tls: " + context.error());
    x_process.services.find(service.name)->tls().set(std::move(*context));
  }
  return true;
}

void TlsContexts::on_changed() {
  const auto loaded = load(x_config);
  if (loaded) return log::info("certificates reloaded");
  log::warning("certificates not reloaded", {{"why", loaded.error()}});
}

}  // namespace outrigger::app
