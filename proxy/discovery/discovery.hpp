// Discovery keeps the endpoint lists of all services current: one tree of sources for each, kept
// across configurations while nothing about it changes. Owned by the control thread; everything
// happens there. Errors never remove an endpoint.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/model.hpp"
#include "proxy/discovery/source_tree.hpp"
#include "proxy/discovery/surroundings.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::discovery {

class DiscoveryEvents {
 public:
  // A list that differs from the one before: to be handed to the workers. It is already in the
  // Service. May come from inside apply(). Must not call apply().
  virtual void on_endpoints(const std::string& service,
                            std::shared_ptr<const upstream::EndpointSet> endpoints) = 0;
  // A source failed, or said something unusable; for the log. Already counted.
  virtual void on_discovery_failed(const std::string& service, SourceKind source,
                                   const std::string& why) = 0;
  // A list lost so many of so many endpoints at once, and waits to be confirmed.
  virtual void on_list_doubted(const std::string& service, size_t lost, size_t of) = 0;

 protected:
  ~DiscoveryEvents() = default;
};

class Discovery {
 public:
  // Endpoints of one service, and of all together. Where more are listed, those that serve already
  // stay and the rest is left out.
  static constexpr size_t kMaxEndpoints = 10'000;
  static constexpr size_t kMaxEndpointsInAll = 20'000;

  Discovery(Surroundings surroundings, RegistryAccess access, DiscoveryEvents& events);
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // What an earlier process kept, for the sources of the first configuration. Before apply().
  void begin_with(Memory memory) { x_kept = std::move(memory); }
  // What all sources know.
  Memory remember() const;

  // Starts, keeps and stops sources, so that each service of `config` has its own. Fixed lists
  // are there before this returns. A changed source starts anew, and the old list serves until its
  // first answer. Requires: each service of `config` is in `services`.
  void apply(const config::Config& config, const upstream::Services& services);

  // Every service has had a first answer (for /startupz).
  bool all_answered() const;
  // How old the list is, for the metric; nothing before the first answer or for an unknown name.
  // 0 for fixed lists and for files that are readable.
  std::optional<int64_t> age_ms(std::string_view service) const;
  // How many endpoints its sources list beyond kMaxEndpoints; 0 for an unknown name.
  size_t left_out(std::string_view service) const;
  // The list of that service is one that an earlier process kept.
  bool is_from_disk(std::string_view service) const;
  // Lists of that service that waited to be confirmed.
  uint64_t doubts(std::string_view service) const;
  // Of that service since the start, by the kind of its sources (`discovery_errors_total`).
  using Errors = std::map<SourceKind, uint64_t>;
  Errors errors(std::string_view service) const;

 private:
  class Tree;
  // Endpoints of all services but that one.
  size_t endpoints_beside(const Tree& tree) const;
  void apply_registries(const config::Config& config);

  const Surroundings x_surroundings;
  const RegistryAccess x_access;
  DiscoveryEvents& x_events;
  std::map<std::string, Errors, std::less<>> x_errors;  // by service
  Registries x_registries;
  Memory x_kept;
  std::map<std::string, std::unique_ptr<Tree>, std::less<>> x_trees;
};

}  // namespace outrigger::discovery
