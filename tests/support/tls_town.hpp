// A Town whose listener and services may speak TLS with certificates of an authority of its own:
// "server" is for orders and stock, "client" shows who a caller is. Callers and origins come over
// TLS by the networks made here. Its time of day is the real one, as that of certificates is.
#pragma once

#include <ctime>
#include <list>
#include <string>
#include <utility>

#include "tests/support/certificates.hpp"
#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/tls_network.hpp"

namespace outrigger::testing {

// What has to be there before the town, and after it.
struct TlsTownParts {
  TlsTownParts() {
    authority.issue("server", {.subject = "server", .names = "DNS:orders,DNS:stock"});
    authority.issue("client", {.subject = "client", .names = "DNS:billing.svc,DNS:other"});
    authority.write("token", "secret\n");
  }
  TestAuthority authority;
  std::list<TlsNetwork> networks;
};

class TlsTown : public TlsTownParts, public Town {
 public:
  // In `yaml`, @ is the folder of the certificates.
  explicit TlsTown(const std::string& yaml) : Town(with_paths(yaml), 1, 1, time_of_day_ms()) {}

  // Origins listen on it. `options`: of TestAuthority::server().
  TlsNetwork& server(io::TlsServerOptions options, std::vector<std::string> alpn) {
    options.alpn = std::move(alpn);
    return networks.emplace_back(network, tls_loop(), load(options), nullptr, "");
  }
  TlsNetwork& server(std::vector<std::string> alpn) {
    return server(authority.server(), std::move(alpn));
  }
  // Callers connect by it.
  TlsNetwork& client(std::vector<std::string> alpn, const std::string& certificate = {}) {
    return client_over(network, std::move(alpn), certificate);
  }
  TlsNetwork& client_over(io::Network& below, std::vector<std::string> alpn,
                          const std::string& certificate = {}) {
    io::TlsClientOptions options = authority.client(certificate);
    options.alpn = std::move(alpn);
    return networks.emplace_back(below, tls_loop(), nullptr, load(options), "orders");
  }
  Origin& origin_over(TlsNetwork& tls, std::string_view address) {
    auto& made = origins[std::string(address)];
    made = std::make_unique<Origin>(loop, tls, *Address::parse(address));
    return *made;
  }
  std::string with_paths(std::string yaml) const {
    for (size_t at = yaml.find('@'); at != std::string::npos; at = yaml.find('@', at)) {
      yaml.replace(at, 1, authority.directory());
    }
    return yaml;
  }
  const metrics::WorkerSeries& series() { return *process.shards.worker(0); }

 private:
  static int64_t time_of_day_ms() { return int64_t{std::time(nullptr)} * 1000; }
  io::TlsLoop tls_loop() { return {loop.context(), loop.outbox()}; }
};

}  // namespace outrigger::testing
