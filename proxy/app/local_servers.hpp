// The admin API and the metrics page, each on the address that the configuration gives it, on the
// control thread. One that moves is bound at its new address before it leaves the old one, where
// calls under way get their answer.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin/api.hpp"
#include "proxy/app/local_server.hpp"
#include "proxy/app/part.hpp"
#include "proxy/app/process.hpp"

namespace outrigger::app {

class LocalServers final : public Part {
 public:
  // So long calls at an old address may take: one that streams has no end.
  static constexpr int64_t kRetireMs = 5'000;

  LocalServers(ControlRuntime& runtime, io::Network& network, io::Binder& binder,
               const admin::Parts& parts, Process& process);

  void prepare(Proposal& next) override;
  void commit(Snapshot& next) noexcept override;
  void abandon() noexcept override;
  void rotate(const std::set<std::string>& changed, const FilesByPath& files) override;

 private:
  // Where one of the two is served.
  struct Place {
    explicit Place(std::string of) : name(std::move(of)) {}

    std::string name;
    std::string configured;  // empty: nowhere
    Address address;
    std::unique_ptr<LocalServer> server;
    io::BoundSocketPtr bound;  // prepared
  };

  void prepare(Place& place, const std::string* address, Proposal& next);
  void commit(Place& place, const std::string* address, chain::Terminal& terminal, Snapshot& next);
  void retire(Place& place);
  void set_access(std::unique_ptr<admin::AccessRules> access);
  void end_retired() { x_retired.clear(); }

  ControlRuntime& x_runtime;
  io::Network& x_network;
  io::Binder& x_binder;
  Process& x_process;
  config::AdminConfig x_admin_config;
  std::unique_ptr<admin::AccessRules> x_access;
  std::unique_ptr<admin::AccessRules> x_prepared_access;
  admin::AdminApi x_admin_api;
  admin::AdminApi x_metrics_api;
  Place x_admin{"admin"};
  Place x_metrics{"metrics"};
  std::vector<std::unique_ptr<LocalServer>> x_retired;
  Timer x_ending = Timer::of<&LocalServers::end_retired>(*this);
};

}  // namespace outrigger::app
