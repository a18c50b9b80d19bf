// The rules that send outbound TCP of other users to the sidecar, as text for nft(8) and for
// iptables-restore(8): pure functions of the configuration, which run nothing. Never caught: the
// sidecar's own user, what stays on this host, and what the configuration excludes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/result.hpp"

namespace outrigger::app {

enum class Family : uint8_t { kIpv4, kIpv6 };

// What is to be caught and where it goes; of a whole configuration only this matters.
struct Interception {
  uint32_t user = 0;
  std::array<uint16_t, 2> ports{};  // of the listener, by family; 0: that family goes straight
  std::vector<int> include_ports;   // empty: all
  std::vector<int> exclude_ports;
  std::array<std::vector<std::string>, 2> exclude_networks;  // by family
  bool forwarded = false;  // also connections of other hosts that this one forwards

  uint16_t port(Family family) const { return ports[static_cast<size_t>(family)]; }
};

struct InterceptionPlace {
  bool has_ipv6 = true;    // of the system that the rules are for
  bool forwarded = false;  // it is a gateway, and other hosts are to be caught too
};

// The first listener that takes redirected connections gets them: `intercept: any` (or
// transparent), no service or TLS of its own, and an address that a redirect leads to: 127.0.0.1,
// ::1, or any. The failure is a sentence for people.
Result<Interception> interception(const config::Config& config, const InterceptionPlace& place);

// One table of our own, replaced as a whole in one transaction. Both may run any number of times.
std::string nft_rules(const Interception& interception);
std::string nft_removal();

// The chains of ours in the nat table of one family.
struct NatChains {
  struct Chain {
    bool exists = false;
    std::vector<std::string> rules;  // as arguments of iptables
    int jumps = 0;                   // that lead to it
    bool operator==(const Chain&) const = default;
  };
  Chain output;
  Chain prerouting;
  bool operator==(const NatChains&) const = default;
};

// None at all where that family is not caught.
NatChains nat_chains(const Interception& interception, Family family);
// Out of what `iptables -t nat -S` prints.
NatChains read_nat_chains(std::string_view listing);
// Leads from one state to another, all or nothing: for `iptables-restore --noflush`. Empty when
// there is nothing to do.
std::string nat_transition(const NatChains& from, const NatChains& to);
// Both families in one text, for a namespace where nothing is installed; each of the two programs
// leaves out what is the other's.
std::string iptables_rules(const Interception& interception);

}  // namespace outrigger::app
