// A RegistryServer is what sources and registrations need to talk to one HTTP registry: its
// servers, of which the next one is asked after a failure, and the token, which is read again when
// its file changes. Shared by all that use the registry, for as long as its configuration stays;
// control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/base/published.hpp"
#include "proxy/client/client.hpp"
#include "proxy/io/files.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::discovery {

// What connects to registries. All of it outlives them.
struct RegistryAccess {
  client::Transport& transport;
  // What the registry of that name is spoken to with over TLS.
  std::function<const Published<io::TlsClientContext>&(const std::string& registry)> tls;
  // Of the environment of the process.
  config::Environment variable;
};

class RegistryServer final : private io::FileEvents {
 public:
  // Requires: `urls` are valid, and at least one.
  RegistryServer(client::Transport& transport, io::Files& files,
                 const Published<io::TlsClientContext>& tls, const std::vector<std::string>& urls,
                 const std::optional<std::string>& token_file);
  ~RegistryServer();
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;

  // The one whose turn it is.
  client::Client& client() { return *x_clients[x_turn]; }
  std::string origin() const { return x_clients[x_turn]->url().origin(); }
  // That one failed. Of several who ask it, the first one that says so counts.
  void try_another_than(const client::Client& failed) {
    if (x_clients[x_turn].get() == &failed) x_turn = (x_turn + 1) % x_clients.size();
  }

  // Without the newline at its end; empty: there is none, or not yet.
  const std::string& token() const { return x_token; }
  // The token file has not been read yet.
  bool awaits_token() const { return x_watch != nullptr && !x_was_read; }

 private:
  void on_file(const std::string& path, const io::FileContent& content) override;

  Reaper& x_reaper;
  std::vector<std::unique_ptr<client::Client>> x_clients;
  size_t x_turn = 0;
  std::string x_token;
  bool x_was_read = false;
  io::FileTaskPtr x_watch;
};

}  // namespace outrigger::discovery
