#include "proxy/app/tls_contexts.hpp"

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

std::vector<std::string> publish_tls(const config::Config& config, Process& process,
                                     int64_t now_unix_s, const io::PemReader& read) {
  std::vector<std::string> failures;
  const auto publish = [&](auto context, auto& to, const std::string& whose) {
    if (context) return to.set(std::move(*context));
    failures.push_back(whose + ".tls: " + context.error());
  };
  const auto publish_server = [&](const std::optional<config::ServerTls>& tls,
                                  Published<io::TlsServerContext>& to, const std::string& whose) {
    if (!tls) return;
    publish(io::TlsServerContext::load(tls_options(*tls, {"h2", "http/1.1"}), now_unix_s, read), to,
            whose);
  };
  if (config.admin) publish_server(config.admin->tls, process.admin_tls, "admin");
  for (const config::ListenerConfig& listener : config.listeners) {
    publish_server(listener.tls, process.listeners[listener.name].tls,
                   "listeners." + listener.name);
  }
  for (const config::ServiceConfig& service : config.services) {
    if (!service.policy.tls) continue;
    const auto options = tls_options(*service.policy.tls, offered(service.policy.protocol));
    publish(io::TlsClientContext::load(options, now_unix_s, read),
            process.services.find(service.name)->tls(), "services." + service.name);
  }
  return failures;
}

Result<bool> TlsContexts::start(const config::Config& config) {
  x_config = config;
  const auto read = [this](const std::string& path) {
    return x_contents.try_emplace(path, io::read_pem(path)).first->second;
  };
  const std::vector<std::string> failures = load(read);
  if (!failures.empty()) return failure(failures.front());
  for (const auto& [path, content] : x_contents) x_watches.push_back(x_files.watch(path, *this));
  return true;
}

std::vector<std::string> TlsContexts::load(const io::PemReader& read) {
  return publish_tls(x_config, x_process, x_loop.clock.wall_ms() / 1000, read);
}

void TlsContexts::on_file(const std::string& path, const io::FileContent& content) {
  io::FileContent& known = x_contents.at(path);
  if (known && content && *known == *content) return;
  known = content;
  x_loop.timers.arm(x_together, x_loop.clock.now_ms() + kTogetherMs);
}

void TlsContexts::on_changed() {
  const std::vector<std::string> failures =
      load([this](const std::string& path) { return x_contents.at(path); });
  for (const std::string& why : failures) log::warning("certificate not reloaded", {{"why", why}});
  if (failures.empty()) log::info("certificates reloaded");
}

}  // namespace outrigger::app
