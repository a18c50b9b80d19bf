// What the keys `tls` of the configuration come to, and what can be made of the files that they
// name. Reads none of them; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "proxy/app/part.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::app {

io::TlsServerOptions tls_options(const config::ServerTls& tls, std::vector<std::string> alpn);
// `implied_alpn` is offered where `alpn` is `auto`.
io::TlsClientOptions tls_options(const config::ClientTls& tls,
                                 const std::vector<std::string>& implied_alpn);

using TlsOptions = std::variant<io::TlsServerOptions, io::TlsClientOptions>;
using TlsContext = std::variant<io::TlsServerContextPtr, io::TlsClientContextPtr>;

// One `tls` of the configuration.
struct TlsSection {
  std::string whose;  // "admin", "listeners.outbound", "services.orders"
  TlsOptions options;
};
// In the order of the configuration.
std::vector<TlsSection> tls_sections(const config::Config& config);
std::vector<std::string> paths_of(const TlsOptions& options);
// What can be made of it with the files of `next`; nothing: why not has been said there, or of a
// file that is not there.
std::optional<TlsContext> prepare_tls(Proposal& next, const TlsSection& section,
                                      int64_t now_unix_s);
Result<TlsContext> load_tls(const TlsOptions& options, int64_t now_unix_s,
                            const FilesByPath& files);

}  // namespace outrigger::app
