#include "proxy/app/tls_contexts.hpp"

#include <utility>

#include "proxy/app/tls_options.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

constexpr std::string_view kAdmin = "admin";
constexpr std::string_view kListeners = "listeners.";
constexpr std::string_view kServices = "services.";

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

template <class Context>
Result<bool> put(Result<Context> loaded, auto& to) {
  if (!loaded) return failure(loaded.error());
  to = std::move(*loaded);
  return true;
}

}  // namespace

std::vector<std::string> TlsContexts::Section::paths() const {
  std::vector<std::string> paths;
  const auto add = [&](const std::string& path) {
    if (!path.empty()) paths.push_back(path);
  };
  std::visit(
      [&](const auto& of) {
        add(of.cert_file);
        add(of.key_file);
      },
      options);
  if (const auto* server = std::get_if<io::TlsServerOptions>(&options)) add(server->client_ca_file);
  if (const auto* client = std::get_if<io::TlsClientOptions>(&options)) add(client->ca_file);
  return paths;
}

void TlsContexts::prepare(Proposal& next) {
  const config::Config& config = next.config();
  const auto prepare_server = [&](const std::string& whose,
                                  const std::optional<config::ServerTls>& tls) {
    if (tls)
      prepare(next, whose, {.options = tls_options(*tls, {"h2", "http/1.1"}), .context = {}});
  };
  if (config.admin) prepare_server(std::string(kAdmin), config.admin->tls);
  for (const config::ListenerConfig& listener : config.listeners) {
    prepare_server(std::string(kListeners) + listener.name, listener.tls);
  }
  for (const config::ServiceConfig& service : config.services) {
    if (!service.policy.tls) continue;
    prepare(next, std::string(kServices) + service.name,
            {.options = tls_options(*service.policy.tls, offered(service.policy.protocol)),
             .context = {}});
  }
}

// Of one that is as it was the files are not asked again: what they say now may be of use only
// later.
void TlsContexts::prepare(Proposal& next, const std::string& whose, Section section) {
  const auto known = x_sections.find(whose);
  if (known != x_sections.end() && known->second.options == section.options) {
    section.context = known->second.context;
    x_prepared.emplace(whose, std::move(section));
    return;
  }
  const auto read = [this](const std::string& path) { return read_once(path); };
  if (const auto loaded = load(section, read); !loaded) {
    return next.refuse(whose + ".tls", loaded.error());
  }
  x_prepared.emplace(whose, std::move(section));
}

const io::FileContent& TlsContexts::read_once(const std::string& path) {
  auto known = x_read.find(path);
  if (known == x_read.end()) known = x_read.emplace(path, io::read_pem(path)).first;
  return known->second;
}

Result<bool> TlsContexts::load(Section& section, const io::PemReader& read) const {
  const int64_t now_unix_s = x_loop.clock.wall_ms() / 1000;
  if (const auto* server = std::get_if<io::TlsServerOptions>(&section.options)) {
    return put(io::TlsServerContext::load(*server, now_unix_s, read), section.context);
  }
  const auto& client = std::get<io::TlsClientOptions>(section.options);
  return put(io::TlsClientContext::load(client, now_unix_s, read), section.context);
}

void TlsContexts::commit(Snapshot&) noexcept {
  x_sections = std::exchange(x_prepared, {});
  for (const auto& [whose, section] : x_sections) publish(whose, section);
  watch();
}

void TlsContexts::publish(const std::string& whose, const Section& section) {
  if (whose.starts_with(kServices)) {
    const auto service = x_process.services.find(whose.substr(kServices.size()));
    return service->tls().set(std::get<io::TlsClientContextPtr>(section.context));
  }
  const auto& context = std::get<io::TlsServerContextPtr>(section.context);
  if (whose == kAdmin) return x_process.admin_tls.set(context);
  x_process.listeners[whose.substr(kListeners.size())].tls.set(context);
}

void TlsContexts::watch() {
  std::map<std::string, Watch> before = std::exchange(x_watches, {});
  for (const auto& [whose, section] : x_sections) {
    for (const std::string& path : section.paths()) {
      if (auto known = before.extract(path)) {
        x_watches.insert(std::move(known));
      } else if (!x_watches.contains(path)) {
        x_watches.emplace(path, Watch{read_once(path), x_files.watch(path, *this)});
      }
    }
  }
  // What was read just now may be newer than what the watch has told so far.
  for (const auto& [path, content] : std::exchange(x_read, {})) on_file(path, content);
}

void TlsContexts::on_file(const std::string& path, const io::FileContent& content) {
  const auto watch = x_watches.find(path);
  if (watch == x_watches.end()) return;
  io::FileContent& known = watch->second.content;
  if (known && content && *known == *content) return;
  known = content;
  x_loop.timers.arm(x_together, x_loop.clock.now_ms() + kTogetherMs);
}

void TlsContexts::on_changed() {
  bool all_good = true;
  const auto read = [this](const std::string& path) { return x_watches.at(path).content; };
  for (auto& [whose, section] : x_sections) {
    const auto loaded = load(section, read);
    if (loaded) {
      publish(whose, section);
      continue;
    }
    all_good = false;
    log::warning("certificate not reloaded", {{"why", whose + ".tls: " + loaded.error()}});
  }
  if (all_good) log::info("certificates reloaded");
}

}  // namespace outrigger::app
