#include "proxy/app/tls_options.hpp"

#include <utility>

namespace outrigger::app {
namespace {

void add(std::vector<config::Problem>& problems, std::string path, std::string what) {
  problems.push_back({"", 0, 0, std::move(path), std::move(what)});
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

std::vector<config::Problem> check_tls_files(const config::Config& config, int64_t now_unix_s) {
  std::vector<config::Problem> problems;
  const auto check_server = [&](const std::optional<config::ServerTls>& tls,
                                const std::string& path) {
    if (!tls) return;
    const auto loaded = io::TlsServerContext::load(tls_options(*tls, {}), now_unix_s);
    if (!loaded) add(problems, path, loaded.error());
  };
  if (config.admin) check_server(config.admin->tls, "admin.tls");
  for (const config::ListenerConfig& listener : config.listeners) {
    check_server(listener.tls, "listeners." + listener.name + ".tls");
  }
  for (const config::ServiceConfig& service : config.services) {
    if (!service.policy.tls) continue;
    const auto loaded =
        io::TlsClientContext::load(tls_options(*service.policy.tls, {}), now_unix_s);
    if (!loaded) add(problems, "services." + service.name + ".tls", loaded.error());
  }
  return problems;
}

}  // namespace outrigger::app
