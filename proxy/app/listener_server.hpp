// One listener on one worker: its connections, and the route of each request that comes over them.
// Kept by name across configurations. Once its listener is gone from the configuration it serves
// its connections until they are over. Owned by the worker; one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/downstream/acceptor.hpp"

namespace outrigger::app {

class Worker;

class ListenerServer final : public Reapable, public downstream::Resolver {
 public:
  ListenerServer(Worker& worker, const config::ListenerConfig& config,
                 downstream::ListenerState& state);

  const config::ListenerConfig& config() const { return x_context.config; }
  downstream::Acceptor& acceptor() { return x_acceptor; }
  // Other settings, for what is read of them from now on.
  void set_config(const config::ListenerConfig& config);
  // After the worker took other routes.
  void choose_chain();
  // Its listener is gone. What was accepted only now may still say what it came for.
  void retire();
  void begin_last_phase();

  downstream::Resolution resolve(const http::RequestHead& request, const Address* original,
                                 Arena& arena) override;
  bool is_opaque(const Address* original) const override;
  bool carries_tls() const override;
  bool is_overloaded() const override;
  bool carries_tls_of(std::string_view server_name) const override;

 private:
  const chain::Route* find(const http::RequestHead& request, const Address* original,
                           Arena& arena) const;
  downstream::Resolution unmatched(const http::RequestHead& request, const Address* original) const;
  downstream::Resolution resolution(const chain::Route& route,
                                    const http::RequestHead& request) const;
  void close_idle() { x_acceptor.drain_idle(); }

  Worker& x_worker;
  downstream::ServerContext x_context;
  downstream::Acceptor x_acceptor;
  size_t x_chain = 0;
  Timer x_silence = Timer::of<&ListenerServer::close_idle>(*this);
};

}  // namespace outrigger::app
