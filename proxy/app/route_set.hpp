// The services of one snapshot as one worker serves them, and the router that finds their routes.
// Of the set before it takes over what nothing changed; the rest is compiled a piece at a time, so
// that calls go on meanwhile. Once complete it is immutable; lives until the worker has another
// one. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/app/compiled_service.hpp"
#include "proxy/app/snapshot.hpp"
#include "proxy/chain/router.hpp"

namespace outrigger::app {

class Worker;

class RouteSet final : public Reapable {
 public:
  using Kinds = CompiledService::Kinds;

  // `more`: filter lists of listeners that the snapshot no longer has. `before` may be null, and
  // outlives the building.
  RouteSet(Worker& worker, SnapshotPtr snapshot, const std::vector<Kinds>& more,
           const RouteSet* before);

  // Goes on, for about so many routes; returns whether it is complete.
  bool build(size_t routes_max);

  // Requires for all that follows: it is complete.
  const Snapshot& snapshot() const { return *x_snapshot; }
  const chain::RouteTable& table() const { return x_table; }
  const chain::Route& passthrough() const { return x_passthrough->otherwise(); }
  // What the fallback of another service enters, which it keeps alive. Null: there is no such
  // service.
  std::shared_ptr<const chain::Chain> inner_chain(std::string_view service) const;
  // Which of a route's chains a listener with this filter list takes.
  // Requires: it is one of the snapshot's or of `more`.
  size_t chain_index(const Kinds& filters) const;
  // Those that `next` does not have.
  std::vector<std::shared_ptr<CompiledService>> replaced_by(const RouteSet& next) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Services =
      std::unordered_map<std::string, std::shared_ptr<CompiledService>, Hash, std::equal_to<>>;

  std::shared_ptr<CompiledService> take_over(const config::ServiceConfig& service) const;

  Worker& x_worker;
  const SnapshotPtr x_snapshot;
  CompiledService::Common x_common;
  const RouteSet* x_before;  // while it is built, if nothing of x_common differs; else null
  size_t x_next = 0;         // in the services of the configuration
  Services x_services;
  std::shared_ptr<CompiledService> x_passthrough;
  chain::RouteTable x_table;
};

}  // namespace outrigger::app
