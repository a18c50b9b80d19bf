#include "proxy/discovery/registry_server.hpp"

#include "config/named_file.hpp"
#include "proxy/base/assert.hpp"

namespace outrigger::discovery {

RegistryServer::RegistryServer(client::Transport& transport, io::Files& files,
                               const Published<io::TlsClientContext>& tls,
                               const std::vector<std::string>& urls,
                               const std::optional<std::string>& token_file)
    : x_reaper(transport.loop().reaper) {
  for (const std::string& text : urls) {
    auto url = parse_url(text);
    OUTRIGGER_ASSERT(static_cast<bool>(url));
    x_clients.push_back(std::make_unique<client::Client>(transport, std::move(*url), &tls));
  }
  if (token_file) x_watch = files.watch(*token_file, *this);
}

RegistryServer::~RegistryServer() {
  for (auto& client : x_clients) x_reaper.doom(std::move(client));
}

// One that vanishes keeps its last content.
void RegistryServer::on_file(const std::string& /*path*/, const io::FileContent& content) {
  x_was_read = true;
  if (content) x_token = config::without_newline(*content);
}

}  // namespace outrigger::discovery
