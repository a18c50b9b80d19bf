#include "proxy/app/probe.hpp"

#include <cstdio>

#include "proxy/app/command_line.hpp"
#include "proxy/base/address.hpp"
#include "proxy/ctl/caller.hpp"
#include "proxy/ctl/session.hpp"

namespace outrigger::app {

int probe(const ProbeTarget& target) {
  constexpr int64_t kWithinMs = 1000;
  constexpr int kOk = 200;
  const auto address = Address::parse(target.address);
  if (!address) {
    std::fprintf(stderr, "--address: %s\n", address.error().c_str());
    return kExitBadInput;
  }
  ctl::Caller caller(ctl::Server::at(*address));
  const auto answer = caller.ask({"GET", target.what == "startup" ? "/startupz" : "/readyz"},
                                 {.head_ms = kWithinMs, .silence_ms = kWithinMs});
  if (!answer) {
    std::fprintf(stderr, "%s\n", answer.error().c_str());
    return kExitFailed;
  }
  if (answer->status == kOk) return kExitOk;
  std::fprintf(stderr, "not %s: %s (%d)\n", target.what.c_str(),
               ctl::problem_line(answer->status, answer->body).c_str(), answer->status);
  return kExitFailed;
}

}  // namespace outrigger::app
