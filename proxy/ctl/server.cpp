#include "proxy/ctl/server.hpp"

#include <optional>
#include <utility>

#include "config/config.hpp"
#include "proxy/io/disk.hpp"

namespace outrigger::ctl {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr std::string_view kLocalhost = "localhost:";

// Where it is and how it is spoken to.
struct Place {
  std::string address;
  bool tls = false;
};

Result<config::Config> load(const std::vector<std::string>& files) {
  auto loaded = config::load_files(config::with_slashes(files), config::process_environment());
  if (!loaded.ok()) return failure(config::to_string(loaded.problems.front()));
  return std::move(loaded.config);
}

// Who listens everywhere is reached on this host.
std::string reachable(const std::string& address) {
  const auto parsed = Address::parse(address);
  if (!parsed || !parsed->is_any()) return address;
  const std::string port = std::to_string(parsed->port());
  return parsed->kind() == Address::Kind::kIpv6 ? "[::1]:" + port : "127.0.0.1:" + port;
}

Result<Place> place_of(const ServerOptions& options) {
  std::string_view admin = options.admin;
  const bool https = admin.starts_with(kHttps);
  if (https) admin.remove_prefix(kHttps.size());
  if (admin.starts_with(kHttp)) admin.remove_prefix(kHttp.size());
  while (admin.ends_with('/') && !admin.starts_with("unix:")) admin.remove_suffix(1);
  if (!admin.empty()) return Place{std::string(admin), https || !options.ca_file.empty()};
  if (options.files.empty()) return Place{kDefaultAdmin, !options.ca_file.empty()};
  const auto config = load(options.files);
  if (!config) return failure(config.error());
  if (!config->admin) return failure("the configuration says `admin: off`");
  return Place{reachable(config->admin->address),
               config->admin->tls.has_value() || !options.ca_file.empty()};
}

Result<Server> server_at(const std::string& text) {
  std::string address = text;
  const bool is_localhost = text.starts_with(kLocalhost);
  if (is_localhost) address = "127.0.0.1:" + text.substr(kLocalhost.size());
  const auto parsed = Address::parse(address);
  if (!parsed) return failure(parsed.error());
  Server server = Server::at(*parsed);
  if (is_localhost) server.authority = text;
  return server;
}

// A file of a secret usually ends in a newline that is not part of it.
Result<std::string> token_in(const std::string& path) {
  auto text = io::read_file(path);
  if (!text) return failure("--token-file: " + text.error());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r' || text->back() == ' ')) {
    text->pop_back();
  }
  if (text->empty()) return failure("--token-file " + path + ": it is empty");
  return text;
}

}  // namespace

Result<FoundServer> find_server(const ServerOptions& options, int64_t now_unix_s) {
  const auto place = place_of(options);
  if (!place) return failure(place.error());
  auto server = server_at(place->address);
  if (!server) return failure(server.error());
  if (place->tls) {
    auto context = io::TlsClientContext::load({.ca_file = options.ca_file,
                                               .cert_file = "",
                                               .key_file = "",
                                               .server_name = "",
                                               .spiffe = "",
                                               .alpn = {"http/1.1"}},
                                              now_unix_s);
    if (!context) return failure("--ca-file: " + context.error());
    server->tls = std::move(*context);
  }
  FoundServer found{std::move(*server), ""};
  if (options.token_file.empty()) return found;
  const Address& address = found.server.address;
  if (found.server.tls == nullptr && address.is_ip() && !address.is_loopback()) {
    return failure("a token goes to " + address.to_string() +
                   " over TLS only: --ca-file, or --admin https://" + address.to_string());
  }
  auto token = token_in(options.token_file);
  if (!token) return failure(token.error());
  found.token = std::move(*token);
  return found;
}

Result<std::string> probe_address_of(const std::vector<std::string>& files) {
  const auto config = load(files);
  if (!config) return failure(config.error());
  if (config->metrics) return reachable(config->metrics->address);
  if (config->admin && !config->admin->tls) return reachable(config->admin->address);
  return failure("the configuration has neither metrics nor an admin API in clear text to ask");
}

}  // namespace outrigger::ctl
