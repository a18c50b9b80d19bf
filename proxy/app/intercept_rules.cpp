#include "proxy/app/intercept_rules.hpp"

#include <algorithm>
#include <sstream>

#include "proxy/base/address.hpp"

namespace outrigger::app {
namespace {

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};
constexpr std::array<std::string_view, 2> kLoopback = {"127.0.0.0/8", "::1/128"};

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

bool takes_all_redirected(const config::ListenerConfig& listener) {
  return listener.takes_redirected() && !listener.service;
}

// REDIRECT leads to 127.0.0.1 or ::1 for what this host sends, and to an address of the interface
// for what it forwards.
bool is_led_to(const Address& address, bool forwarded) {
  if (address.is_any()) return true;
  return !forwarded && (address.ip_string() == "127.0.0.1" || address.ip_string() == "::1");
}

// The port of the listener in each family, 0 where it has none.
Result<std::array<uint16_t, 2>> ports_of(const config::ListenerConfig& listener, bool forwarded) {
  std::array<uint16_t, 2> ports{};
  std::string elsewhere;
  for (const std::string& text : listener.addresses) {
    const auto address = Address::parse(text);
    if (!address || !address->is_ip()) continue;
    uint16_t& port = ports[address->kind() == Address::Kind::kIpv4 ? 0 : 1];
    if (!is_led_to(*address, forwarded) || address->port() == 0) {
      elsewhere = text;
    } else if (port == 0) {
      port = address->port();
    }
  }
  if (ports[0] != 0 || ports[1] != 0) return ports;
  if (elsewhere.empty())
    return failure("the listener " + quoted(listener.name) + " has no IP address");
  return failure("the listener " + quoted(listener.name) + " is at " + elsewhere +
                 ", where no redirect leads; give it a port at " +
                 (forwarded ? "0.0.0.0 or [::]" : "127.0.0.1, [::1], 0.0.0.0 or [::]"));
}

Result<uint16_t> ipv6_port(uint16_t port, const config::ListenerConfig& listener,
                           const config::InterceptConfig& wanted, const InterceptionPlace& place) {
  if (!wanted.ipv6) return place.has_ipv6 ? port : uint16_t{0};
  if (!*wanted.ipv6) return uint16_t{0};
  if (!place.has_ipv6) return failure("\"ipv6\" is on, but this system has no IPv6");
  if (port != 0) return port;
  return failure("\"ipv6\" is on, but the listener " + quoted(listener.name) +
                 " has no IPv6 address that a redirect leads to; add " +
                 (place.forwarded ? "[::]" : "[::1]") + " to it, or write \"ipv6: off\"");
}

std::string joined(const std::vector<int>& ports, std::string_view separator) {
  std::string text;
  for (const int port : ports) {
    if (!text.empty()) text += separator;
    text += std::to_string(port);
  }
  return text;
}

std::vector<int> sorted(std::vector<int> ports) {
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

// nft

void nft_exclusions(std::string& text, const Interception& what) {
  for (const Family family : kFamilies) {
    const bool is_ipv4 = family == Family::kIpv4;
    const std::string match = is_ipv4 ? "    ip daddr " : "    ip6 daddr ";
    const auto index = static_cast<size_t>(family);
    text += match + std::string(kLoopback[index]) + " return\n";
    for (const std::string& network : what.exclude_networks[index]) {
      text += match + network + " return\n";
    }
  }
  if (!what.exclude_ports.empty()) {
    text += "    tcp dport { " + joined(what.exclude_ports, ", ") + " } return\n";
  }
}

void nft_redirects(std::string& text, const Interception& what) {
  const std::string tcp = what.include_ports.empty()
                              ? "meta l4proto tcp"
                              : "tcp dport { " + joined(what.include_ports, ", ") + " }";
  for (const Family family : kFamilies) {
    if (what.port(family) == 0) continue;
    text += std::string("    meta nfproto ") + (family == Family::kIpv4 ? "ipv4 " : "ipv6 ") + tcp +
            " redirect to :" + std::to_string(what.port(family)) + "\n";
  }
}

// iptables

struct Rule {
  std::string text;
  std::string_view only = {};  // the option that says for which family
};

constexpr std::array<std::string_view, 2> kOnly = {"-4 ", "-6 "};

// What follows the exemptions that are a chain's own.
void common_rules(std::vector<Rule>& rules, const Interception& what) {
  for (size_t family = 0; family < kFamilies.size(); ++family) {
    rules.push_back({"-d " + std::string(kLoopback[family]) + " -j RETURN", kOnly[family]});
    for (const std::string& network : what.exclude_networks[family]) {
      rules.push_back({"-d " + network + " -j RETURN", kOnly[family]});
    }
  }
  for (const int port : what.exclude_ports) {
    rules.push_back({"-p tcp --dport " + std::to_string(port) + " -j RETURN"});
  }
  for (size_t family = 0; family < kFamilies.size(); ++family) {
    if (what.ports[family] == 0) continue;
    const std::string redirect = " -j REDIRECT --to-ports " + std::to_string(what.ports[family]);
    if (what.include_ports.empty()) rules.push_back({"-p tcp" + redirect, kOnly[family]});
    for (const int port : what.include_ports) {
      rules.push_back({"-p tcp --dport " + std::to_string(port) + redirect, kOnly[family]});
    }
  }
}

std::vector<Rule> output_rules(const Interception& what) {
  std::vector<Rule> rules;
  rules.push_back({"-m owner --uid-owner " + std::to_string(what.user) + " -j RETURN"});
  rules.push_back({"-o lo -j RETURN"});
  common_rules(rules, what);
  return rules;
}

std::vector<Rule> prerouting_rules(const Interception& what) {
  std::vector<Rule> rules;
  if (!what.forwarded) return rules;
  rules.push_back({"-m addrtype --dst-type LOCAL -j RETURN"});
  common_rules(rules, what);
  return rules;
}

NatChains::Chain chain_of(const std::vector<Rule>& rules, Family family) {
  NatChains::Chain chain;
  for (const Rule& rule : rules) {
    const bool applies = rule.only.empty() || rule.only == kOnly[static_cast<size_t>(family)];
    if (applies) chain.rules.push_back(rule.text);
  }
  chain.exists = !rules.empty();
  chain.jumps = chain.exists ? 1 : 0;
  return chain;
}

NatChains::Chain chain_of_both(const std::vector<Rule>& rules) {
  NatChains::Chain chain;
  for (const Rule& rule : rules) chain.rules.push_back(std::string(rule.only) + rule.text);
  chain.exists = !rules.empty();
  chain.jumps = chain.exists ? 1 : 0;
  return chain;
}

struct Hook {
  std::string chain;  // of the system
  std::string ours;   // that it jumps to
  NatChains::Chain NatChains::*member;

  std::string jump() const { return chain + " -p tcp -j " + ours; }
};

const std::array<Hook, 2>& hooks() {
  static const std::array<Hook, 2> all = {
      Hook{"OUTPUT", "OUTRIGGER_OUTPUT", &NatChains::output},
      Hook{"PREROUTING", "OUTRIGGER_PREROUTING", &NatChains::prerouting}};
  return all;
}

void change(std::string& text, const Hook& hook, const NatChains& from, const NatChains& to) {
  const NatChains::Chain& before = from.*hook.member;
  const NatChains::Chain& after = to.*hook.member;
  // Declared, a chain is made or emptied.
  if (after.exists) text += ":" + hook.ours + " - [0:0]\n";
  for (int i = after.jumps; i < before.jumps; ++i) text += "-D " + hook.jump() + "\n";
  for (const std::string& rule : after.rules) text += "-A " + hook.ours + " " + rule + "\n";
  for (int i = before.jumps; i < after.jumps; ++i) text += "-A " + hook.jump() + "\n";
  if (before.exists && !after.exists) text += "-F " + hook.ours + "\n-X " + hook.ours + "\n";
}

}  // namespace

Result<Interception> interception(const config::Config& config, const InterceptionPlace& place) {
  const auto listener =
      std::find_if(config.listeners.begin(), config.listeners.end(), takes_all_redirected);
  if (listener == config.listeners.end()) {
    return failure(std::string(
        "no listener takes redirected connections; one must have \"intercept: any\" and "
        "neither \"service\" nor \"tls\""));
  }
  const auto ports = ports_of(*listener, place.forwarded);
  if (!ports) return failure(ports.error());
  const config::InterceptConfig& wanted = config.intercept;
  const auto second = ipv6_port((*ports)[1], *listener, wanted, place);
  if (!second) return failure(second.error());

  Interception what;
  what.user = static_cast<uint32_t>(wanted.user);
  what.ports = {(*ports)[0], *second};
  if (what.ports == std::array<uint16_t, 2>{}) {
    return failure("the listener " + quoted(listener->name) +
                   " has only an IPv6 address, and IPv6 is not caught here");
  }
  if (wanted.include_ports) what.include_ports = sorted(*wanted.include_ports);
  what.exclude_ports = sorted(wanted.exclude_ports);
  for (const std::string& network : wanted.exclude_cidrs) {
    what.exclude_networks[network.find(':') == std::string::npos ? 0 : 1].push_back(network);
  }
  what.forwarded = place.forwarded;
  return what;
}

// Declared before it is deleted, because a table that is not there cannot be.
std::string nft_removal() { return "table inet outrigger {}\ndelete table inet outrigger\n"; }

std::string nft_rules(const Interception& interception) {
  std::string text = nft_removal() +
                     "table inet outrigger {\n"
                     "  chain output {\n"
                     "    type nat hook output priority -100; policy accept;\n"
                     "    meta skuid " +
                     std::to_string(interception.user) +
                     " return\n"
                     "    oifname \"lo\" return\n";
  nft_exclusions(text, interception);
  nft_redirects(text, interception);
  text += "  }\n";
  if (interception.forwarded) {
    text +=
        "  chain prerouting {\n"
        "    type nat hook prerouting priority -100; policy accept;\n"
        "    fib daddr type local return\n";
    nft_exclusions(text, interception);
    nft_redirects(text, interception);
    text += "  }\n";
  }
  return text + "}\n";
}

NatChains nat_chains(const Interception& interception, Family family) {
  if (interception.port(family) == 0) return {};
  return {chain_of(output_rules(interception), family),
          chain_of(prerouting_rules(interception), family)};
}

NatChains read_nat_chains(std::string_view listing) {
  NatChains chains;
  std::istringstream lines{std::string(listing)};
  for (std::string line; std::getline(lines, line);) {
    for (const Hook& hook : hooks()) {
      NatChains::Chain& chain = chains.*hook.member;
      const std::string rule = "-A " + hook.ours + " ";
      if (line == "-N " + hook.ours) chain.exists = true;
      if (line == "-A " + hook.jump()) ++chain.jumps;
      if (line.starts_with(rule)) chain.rules.push_back(line.substr(rule.size()));
    }
  }
  return chains;
}

std::string nat_transition(const NatChains& from, const NatChains& to) {
  std::string text;
  for (const Hook& hook : hooks()) change(text, hook, from, to);
  return text.empty() ? text : "*nat\n" + text + "COMMIT\n";
}

std::string iptables_rules(const Interception& interception) {
  return nat_transition({}, {chain_of_both(output_rules(interception)),
                             chain_of_both(prerouting_rules(interception))});
}

}  // namespace outrigger::app
