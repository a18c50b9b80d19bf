// A KubernetesApi is the API server of one registry of kind kubernetes, and the watches of the
// namespaces in it that sources asked for, one for each. What a pod knows of its cluster (address,
// token, authority, namespace) is read from its environment and its service account, and read again
// when the files change. Shared by the sources; control thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "config/model.hpp"
#include "proxy/discovery/registry_server.hpp"
#include "proxy/discovery/surroundings.hpp"

namespace outrigger::discovery {

class KubernetesWatch;

class KubernetesApi final : private io::FileEvents {
 public:
  KubernetesApi(const Surroundings& surroundings, const RegistryAccess& access,
                const config::KubernetesRegistryConfig& settings);
  ~KubernetesApi();
  KubernetesApi(const KubernetesApi&) = delete;
  KubernetesApi& operator=(const KubernetesApi&) = delete;

  // That of the namespace; off: the registry's, which may not be known yet. It lives while somebody
  // has it.
  std::shared_ptr<KubernetesWatch> watch(const std::optional<std::string>& name_space);

  // -- for the watches

  // Why it cannot be spoken to; empty: it can be.
  std::string why_not() const;
  // What that may be over in a moment: a file is being read.
  bool is_waiting() const;
  client::Client& client() { return x_server->client(); }
  std::string origin() const { return x_server->origin(); }
  const std::string& token() const { return x_server->token(); }
  const std::string& own_namespace() const { return x_namespace; }

 private:
  void on_file(const std::string& path, const io::FileContent& content) override;
  void take_authority(const io::FileContent& content);

  const Surroundings& x_surroundings;
  const std::string x_ca_path;
  const bool x_in_cluster;
  bool x_uses_tls = false;
  Published<io::TlsClientContext> x_tls;
  std::unique_ptr<RegistryServer> x_server;  // null: there is no address
  std::string x_namespace;
  std::string x_wrong_authority;
  std::string x_wrong_namespace;
  bool x_awaits_authority = false;
  bool x_awaits_namespace = false;
  io::FileTaskPtr x_watch_authority;
  io::FileTaskPtr x_watch_namespace;
  std::map<std::string, std::weak_ptr<KubernetesWatch>> x_watches;  // empty name: the own one
};

}  // namespace outrigger::discovery
