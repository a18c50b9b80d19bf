#include "proxy/ctl/await.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/text.hpp"
#include "proxy/ctl/child.hpp"
#include "proxy/ctl/commands.hpp"
#include "proxy/ctl/server.hpp"

namespace outrigger::ctl {
namespace {

constexpr const char* kDefaultProbes = "127.0.0.1:9902";
constexpr int64_t kAskEachMs = 100;
constexpr int64_t kAnswerWithinMs = 1000;

struct Wanted {
  ServerOptions server;  // the admin API, for the end
  std::string probes;    // the metrics address; empty: what the files say
  std::string timeout = "30s";
  std::string on_timeout = "fail";
  bool shutdown = false;
  std::vector<std::string> command;
};

// "ready", or why it is not.
std::string state_of(Caller& probes) {
  for (const char* path : {"/startupz", "/readyz"}) {
    const auto answer = probes.ask({"GET", path}, {.head_ms = kAnswerWithinMs});
    if (!answer) return answer.error();
    constexpr int kOk = 200;
    if (answer->status != kOk) return problem_line(answer->status, answer->body);
  }
  return "ready";
}

// What ends the waiting.
enum class Waited : uint8_t { kReady, kTimedOut, kSignalled };
struct Waiting {
  Waited end = Waited::kTimedOut;
  int signal = 0;
  std::string why;  // it is not ready
};

Waiting wait_for(Caller& probes, const Child& child, int64_t limit_ms) {
  const int64_t ends_ms = probes.ticks_ms() + limit_ms;
  while (true) {
    Waiting waiting{.why = state_of(probes)};
    if (waiting.why == "ready") return {Waited::kReady, 0, ""};
    if (probes.ticks_ms() >= ends_ms) return waiting;
    if (const auto number = child.end_wanted_within(kAskEachMs)) {
      return {Waited::kSignalled, *number, ""};
    }
  }
}

// The command has ended, and so may the sidecar. What it ended with counts, whatever comes of this.
void end_sidecar(const FoundServer& found) {
  Caller caller(found.server);
  Session session(caller, {.token = found.token, .look = {}, .command = ""});
  const Outcome outcome = drain(session, {.reason = "the command of await has ended"});
  if (!outcome) std::fprintf(stderr, "the sidecar goes on: %s\n", outcome.error().why.c_str());
}

int bad_input(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  return kUsage;
}

int await(const Wanted& wanted) {
  if (wanted.command.empty()) return bad_input("await needs a command: await ... -- COMMAND");
  const auto limit_ms = config::parse_duration_ms(wanted.timeout);
  if (!limit_ms) return bad_input("--timeout is a duration such as 30s");
  std::string probes_at = wanted.probes.empty() ? kDefaultProbes : wanted.probes;
  if (wanted.probes.empty() && !wanted.server.files.empty()) {
    const auto of_files = probe_address_of(wanted.server.files);
    if (!of_files) return bad_input(of_files.error());
    probes_at = *of_files;
  }
  const auto address = Address::parse(probes_at);
  if (!address) return bad_input("--address: " + address.error());
  std::optional<FoundServer> admin;
  if (wanted.shutdown) {
    auto found = find_server(wanted.server, ::time(nullptr));
    if (!found) return bad_input(found.error());
    admin = std::move(*found);
  }

  const Child child;
  Caller probes(Server::at(*address));
  const Waiting waiting = wait_for(probes, child, static_cast<int64_t>(*limit_ms));
  if (waiting.end == Waited::kSignalled) return Child::kSignalBase + waiting.signal;
  if (waiting.end == Waited::kTimedOut) {
    const bool runs = wanted.on_timeout == "run";
    std::fprintf(stderr, "no sidecar is ready after %s%s: %s\n", wanted.timeout.c_str(),
                 runs ? ", running without it" : "", waiting.why.c_str());
    if (!runs) return kUnreachable;
  }
  const int code = child.run(wanted.command);
  if (admin) end_sidecar(*admin);
  return code;
}

}  // namespace

struct AwaitCommandLine::Parts {
  CLI::App& app;
  Wanted wanted{};
};

AwaitCommandLine::AwaitCommandLine(CLI::App& cli)
    : x_parts(new Parts{*cli.add_subcommand("await", "Run a command once the sidecar is ready")}) {
  CLI::App& app = x_parts->app;
  Wanted& wanted = x_parts->wanted;
  app.add_option("--timeout", wanted.timeout, "How long it is waited for")
      ->capture_default_str()
      ->type_name("DURATION");
  app.add_option("--on-timeout", wanted.on_timeout,
                 "run the command without the sidecar, or fail with exit code 1")
      ->capture_default_str()
      ->check(CLI::IsMember({"run", "fail"}));
  app.add_flag("--shutdown", wanted.shutdown, "Then end the sidecar, through the admin API");
  app.add_option("--address", wanted.probes,
                 std::string("Of the metrics listener; ") + kDefaultProbes + " without -c")
      ->type_name("ADDRESS");
  app.add_option("-c,--config", wanted.server.files, "Take the addresses from this configuration")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option("--admin", wanted.server.admin, "Of the admin API, for --shutdown")
      ->envname("OUTRIGGER_ADMIN")
      ->type_name("ADDRESS");
  app.add_option("--token-file", wanted.server.token_file, "The file that holds the bearer token")
      ->type_name("FILE");
  app.add_option("--ca-file", wanted.server.ca_file, "TLS to the admin API, with these roots")
      ->type_name("FILE");
  app.footer(
      "Behind these: -- COMMAND [ARGUMENT...]\nExit codes: the command's, 128 + N where signal N "
      "ended it, 127 no such program, 126 not\none; 1 no sidecar in time, 2 a bad command line.");
}

AwaitCommandLine::~AwaitCommandLine() = default;

void AwaitCommandLine::take_command(int& argc, char** argv) {
  if (argc < 2 || x_parts->app.get_name() != argv[1]) return;
  char** const end = argv + argc;
  char** const dashes = std::find(argv, end, std::string_view("--"));
  if (dashes == end) return;
  x_parts->wanted.command.assign(dashes + 1, end);
  argc = static_cast<int>(dashes - argv);
}

bool AwaitCommandLine::is_wanted() const { return x_parts->app.parsed(); }

int AwaitCommandLine::run() { return await(x_parts->wanted); }

}  // namespace outrigger::ctl
