#include "proxy/app/tls_options.hpp"

#include <algorithm>
#include <utility>

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

template <class Context>
Result<TlsContext> either(Result<Context> loaded) {
  if (!loaded) return failure(loaded.error());
  return TlsContext(std::move(*loaded));
}

}  // namespace

io::TlsServerOptions tls_options(const config::ServerTls& tls, std::vector<std::string> alpn) {
  return {.cert_file = tls.cert_file,
          .key_file = tls.key_file,
          .client_ca_file = tls.client_ca_file.value_or(""),
          .alpn = std::move(alpn)};
}

io::TlsClientOptions tls_options(const config::ClientTls& tls,
                                 const std::vector<std::string>& implied_alpn) {
  return {.ca_file = tls.ca_file.value_or(""),
          .cert_file = tls.cert_file.value_or(""),
          .key_file = tls.key_file.value_or(""),
          .server_name = tls.server_name.value_or(""),
          .spiffe = tls.verify.spiffe.value_or(""),
          .alpn = tls.alpn ? *tls.alpn : implied_alpn};
}

std::vector<TlsSection> tls_sections(const config::Config& config) {
  std::vector<TlsSection> sections;
  const auto add_server = [&](std::string whose, const std::optional<config::ServerTls>& tls) {
    if (tls) sections.push_back({std::move(whose), tls_options(*tls, {"h2", "http/1.1"})});
  };
  if (config.admin) add_server("admin", config.admin->tls);
  for (const config::ListenerConfig& listener : config.listeners) {
    add_server("listeners." + listener.name, listener.tls);
  }
  for (const config::ServiceConfig& service : config.services) {
    if (!service.policy.tls) continue;
    sections.push_back({"services." + service.name,
                        tls_options(*service.policy.tls, offered(service.policy.protocol))});
  }
  const auto add_registry = [&](const auto& registry, const std::vector<std::string>& urls) {
    const auto is_https = [](const std::string& url) { return url.starts_with("https:"); };
    if (std::none_of(urls.begin(), urls.end(), is_https)) return;
    sections.push_back({"registries." + registry.name,
                        tls_options(registry.tls.value_or(config::ClientTls{}), {"http/1.1"})});
  };
  for (const auto& consul : config.registries.consul) add_registry(consul, {consul.url});
  for (const auto& eureka : config.registries.eureka) add_registry(eureka, eureka.urls);
  return sections;
}

std::vector<std::string> paths_of(const TlsOptions& options) {
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

std::optional<TlsContext> prepare_tls(Proposal& next, const TlsSection& section,
                                      int64_t now_unix_s) {
  const auto file = [&](const std::string& path) { return next.file(path); };
  const std::vector<std::string> paths = paths_of(section.options);
  const bool all_there = std::all_of(paths.begin(), paths.end(),
                                     [&](const auto& path) { return file(path) != nullptr; });
  if (!all_there) return std::nullopt;
  auto loaded = load_tls(section.options, now_unix_s, file);
  if (loaded) return std::move(*loaded);
  next.refuse(section.whose + ".tls", loaded.error());
  return std::nullopt;
}

Result<TlsContext> load_tls(const TlsOptions& options, int64_t now_unix_s,
                            const FilesByPath& files) {
  const auto read = [&](const std::string& path) -> Result<std::string> {
    const config::FileBytes bytes = files(path);
    if (bytes == nullptr) return failure(path + ": cannot be read");
    return *bytes;
  };
  if (const auto* server = std::get_if<io::TlsServerOptions>(&options)) {
    return either(io::TlsServerContext::load(*server, now_unix_s, read));
  }
  return either(
      io::TlsClientContext::load(std::get<io::TlsClientOptions>(options), now_unix_s, read));
}

}  // namespace outrigger::app
