// The built-in service for hosts that no service claims: what worked before the sidecar came goes
// on. Its terminal starts an attempt where a redirected connection was going; of any other call it
// looks the name up (cached, bounded), port from the authority, else 80. A name whose time is over
// serves on with what it has while it is asked for again. Of a name with addresses of both families
// a call goes to the one that answers first (RFC 8305), which is remembered. One for each worker;
// one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/chain/terminal.hpp"
#include "proxy/io/known_name.hpp"
#include "proxy/upstream/pools.hpp"

namespace outrigger::upstream {

class PassthroughCall;

// A call that waits for the addresses of its name, or for one of them to answer. Destroying it
// leaves the queue.
class NameWaiter : public ListNode<> {
 public:
  virtual void on_looked_up() = 0;

 protected:
  ~NameWaiter() = default;
};

struct PassthroughOptions {
  const Published<io::TlsClientContext>* tls = nullptr;  // null: clear text
  // The names are the operator's word, and may lead to this host. (By names that callers choose,
  // that is how a public name is made to reach what trusts local callers: DNS rebinding.)
  bool trusts_names = false;
};

// Names and connections, kept across configurations.
class PassthroughClient final {
 public:
  static constexpr size_t kNamesMax = 1024;
  static constexpr size_t kAddressesMax = 256;  // of a name and a family
  static constexpr size_t kPoolsMax = 4096;
  static constexpr int64_t kTtlMinMs = 1'000;
  static constexpr int64_t kTtlMaxMs = 300'000;
  // So long at least one family is waited for before the other, which has answered, is asked again.
  static constexpr int64_t kPatienceMs = 2'000;

  PassthroughClient(UpstreamRuntime& upstream, const config::Pool& settings,
                    const PassthroughOptions& options = {})
      : x_upstream(upstream), x_options(options), x_pool_settings(settings) {}
  ~PassthroughClient();

  UpstreamRuntime& upstream() const { return x_upstream; }
  void set_pool(const config::Pool& settings);
  // Memory is short.
  void close_idle_connections();

 private:
  friend class PassthroughCall;

  // One looked-up name; the front of x_recent was used last.
  struct Name final : ListNode<>, io::ResolveEvents {
    Name(PassthroughClient& owner, std::string name) : client(owner), host(std::move(name)) {}
    void on_resolved(const io::Resolved& resolved) override;
    void set_addresses(const std::vector<io::Answer>& answers);
    void begin_with(const Address& address);
    void note_reached(const Address& address);
    void tell_waiters();

    PassthroughClient& client;
    const std::string host;
    io::KnownName known{kAddressesMax};
    std::vector<Address> addresses;  // those that are known, in the order in which they are tried
    Cause failure = Cause::kNone;
    int64_t expires_ms = 0;
    io::OperationPtr lookup;
    List<NameWaiter> waiters;
    List<NameWaiter> racers;
    bool awaits_family = false;  // one has answered, the lookup goes on for the other
    bool reached = false;        // the first address, since the lookup
    Address::Kind family = Address::Kind::kNone;  // of the one that was reached last
  };

  Name& look_up(const std::string& host);
  void forget_the_oldest();
  // Null when there is none yet.
  Pools* find_pools(const Address& address) const;
  // Null when the bound on pools is reached and all are in use.
  Pools* pools_of(const Address& address);

  UpstreamRuntime& x_upstream;
  const PassthroughOptions x_options;
  config::Pool x_pool_settings;
  std::unordered_map<std::string, std::unique_ptr<Name>> x_names;
  List<Name> x_recent;
  std::unordered_map<Address, std::unique_ptr<Pools>> x_pools;
};

class PassthroughTerminal final : public chain::Terminal {
 public:
  // The host that a call which was not redirected is for.
  enum class Unredirected : uint8_t { kByName, kNobody };

  PassthroughTerminal(PassthroughClient& client, CallSettings settings, Unredirected unredirected)
      : x_client(client), x_settings(std::move(settings)), x_unredirected(unredirected) {}

  chain::CallPtr start(chain::CallLeg leg) override;

 private:
  PassthroughClient& x_client;
  const CallSettings x_settings;
  const Unredirected x_unredirected;
};

}  // namespace outrigger::upstream
