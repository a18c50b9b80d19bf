#include "proxy/app/intercept.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include <unistd.h>

#include "proxy/app/command_line.hpp"
#include "proxy/app/intercept_rules.hpp"
#include "proxy/app/tool.hpp"

namespace outrigger::app {
namespace {

constexpr std::array kFamilies = {Family::kIpv4, Family::kIpv6};
constexpr const char* kLockWaitSeconds = "5";  // for others who change rules at this moment

bool is_installed(std::string_view tool) { return !find_tool(tool).empty(); }

// The kernel has it, whether or not an interface is up yet.
bool system_has_ipv6() { return ::access("/proc/net/if_inet6", F_OK) == 0; }

int failed(const std::string& sentence, int code = kExitFailed) {
  std::fprintf(stderr, "%s\n", sentence.c_str());
  return code;
}

std::string iptables(Family family) { return family == Family::kIpv4 ? "iptables" : "ip6tables"; }

Result<NatChains> current_chains(Family family) {
  const auto listing = run_tool({iptables(family), "-w", kLockWaitSeconds, "-t", "nat", "-S"});
  if (!listing) return failure(listing.error());
  return read_nat_chains(*listing);
}

// Empty when it was done.
std::string change_chains(Family family, const NatChains& from, const NatChains& to) {
  const std::string text = nat_transition(from, to);
  if (text.empty()) return {};
  const auto done =
      run_tool({iptables(family) + "-restore", "-w", kLockWaitSeconds, "--noflush"}, text);
  return done ? std::string() : done.error();
}

// One family after the other; where the second fails, the first is as it was. Empty when done.
std::string install_with_iptables(const Interception& what) {
  std::array<std::optional<NatChains>, 2> before;
  std::array<NatChains, 2> wanted;
  for (size_t i = 0; i < kFamilies.size(); ++i) {
    wanted[i] = nat_chains(what, kFamilies[i]);
    const auto found = current_chains(kFamilies[i]);
    if (found) before[i] = *found;
    // Where a family is not caught, its tables may as well be missing.
    if (!found && wanted[i] != NatChains{}) return found.error();
  }
  for (size_t i = 0; i < kFamilies.size(); ++i) {
    if (!before[i]) continue;
    std::string error = change_chains(kFamilies[i], *before[i], wanted[i]);
    if (error.empty()) continue;
    if (i > 0 && before[0]) {
      const std::string worse = change_chains(kFamilies[0], wanted[0], *before[0]);
      error += worse.empty() ? "; IPv4 is as it was before"
                             : "; and IPv4 could not be restored: " + worse;
    }
    return error;
  }
  return {};
}

std::string remove_with_iptables() {
  std::string errors;
  for (const Family family : kFamilies) {
    if (family == Family::kIpv6 && !system_has_ipv6()) continue;
    const auto before = current_chains(family);
    std::string error = before ? change_chains(family, *before, {}) : before.error();
    if (!error.empty() && !errors.empty()) errors += "\n";
    errors += error;
  }
  return errors;
}

std::string feed_nft(const std::string& text) {
  const auto done = run_tool({"nft", "-f", "-"}, text);
  return done ? std::string() : done.error();
}

std::optional<InterceptBackend> installed_backend() {
  if (is_installed("nft")) return InterceptBackend::kNft;
  if (is_installed("iptables-restore")) return InterceptBackend::kIptables;
  return std::nullopt;
}

std::string ports(const Interception& what) {
  std::string text;
  for (const Family family : kFamilies) {
    if (what.port(family) == 0) continue;
    if (!text.empty()) text += " and ";
    text += std::to_string(what.port(family)) + (family == Family::kIpv4 ? " (IPv4)" : " (IPv6)");
  }
  return text;
}

int print(const Interception& what, InterceptBackend backend) {
  const bool is_iptables = backend == InterceptBackend::kIptables;
  const std::string text =
      is_iptables
          ? "# For iptables-restore --noflush, and the same for ip6tables-restore --noflush.\n" +
                iptables_rules(what)
          : "# For nft -f -\n" + nft_rules(what);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

int install(const Interception& what, InterceptBackend backend) {
  const bool is_nft = backend == InterceptBackend::kNft;
  const std::string error = is_nft ? feed_nft(nft_rules(what)) : install_with_iptables(what);
  if (!error.empty()) return failed(error);
  std::fprintf(stderr, "installed with %s: TCP of every user but %u goes to port %s\n",
               is_nft ? "nft" : "iptables", what.user, ports(what).c_str());
  if (what.port(Family::kIpv4) == 0) std::fprintf(stderr, "IPv4 is not caught\n");
  if (what.port(Family::kIpv6) == 0) std::fprintf(stderr, "IPv6 is not caught\n");
  return kExitOk;
}

}  // namespace

int intercept(const InterceptCommand& command, const config::Config& config) {
  const auto what = interception(config, {system_has_ipv6(), command.forwarded});
  if (!what) return failed(what.error(), kExitBadInput);
  if (command.action == "print") return print(*what, command.backend);
  const auto backend = command.backend == InterceptBackend::kAuto ? installed_backend()
                                                                  : std::optional(command.backend);
  if (!backend) return failed("neither nft nor iptables-restore is installed");
  return install(*what, *backend);
}

int remove_interception(InterceptBackend backend) {
  const bool is_auto = backend == InterceptBackend::kAuto;
  const bool nft = is_auto ? is_installed("nft") : backend == InterceptBackend::kNft;
  const bool iptables =
      is_auto ? is_installed("iptables-restore") : backend == InterceptBackend::kIptables;
  if (!nft && !iptables) return failed("neither nft nor iptables-restore is installed");
  int code = kExitOk;
  if (nft) {
    const std::string error = feed_nft(nft_removal());
    code = error.empty() ? code : failed(error);
  }
  if (iptables) {
    const std::string error = remove_with_iptables();
    code = error.empty() ? code : failed(error);
  }
  if (code == kExitOk) std::fprintf(stderr, "removed\n");
  return code;
}

}  // namespace outrigger::app
