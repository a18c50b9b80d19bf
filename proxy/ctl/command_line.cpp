#include "proxy/ctl/command_line.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "config/text.hpp"
#include "proxy/ctl/commands.hpp"
#include "proxy/ctl/server.hpp"

namespace outrigger::ctl {
namespace {

constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";

// The command that was chosen, and what it was given.
struct Wanted {
  ServerOptions server;
  Arguments arguments;
  Command command = nullptr;
  bool json = false;
  bool wide = false;
  std::string watch;  // how often it is shown again; empty: once
};

bool has_colours() {
  const char* none = std::getenv("NO_COLOR");
  return (none == nullptr || *none == '\0') && ::isatty(STDOUT_FILENO) != 0;
}

// As one word of a shell.
std::string shell_word(const std::string& word) {
  if (word.find_first_of(" '\"\\$`;&|<>()*?#~") == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// How this sidecar is asked again, as far as the environment does not say it.
std::string command_again(const CLI::App& ctl) {
  std::string command = "outrigger ctl";
  for (const CLI::Option* option : ctl.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || option->get_expected_max() == 0 || name == "--help") continue;
    const std::string variable = option->get_envname();
    const char* said = variable.empty() ? nullptr : std::getenv(variable.c_str());
    for (const std::string& value : option->results()) {
      if (said != nullptr && value == said) continue;
      command.append(" ").append(name).append(" ").append(shell_word(value));
    }
  }
  return command;
}

int told(const Failed& failed) {
  std::fprintf(stderr, "%s\n", failed.why.c_str());
  return failed.code;
}

// Once, or again and again until it cannot be had.
int run_on(Session& session, const Wanted& wanted, bool colour) {
  const bool watches = !wanted.watch.empty();
  const auto each_ms = watches ? config::parse_duration_ms(wanted.watch) : 0;
  if (!each_ms) return told({kUsage, "--watch is a duration such as 2s"});
  while (true) {
    const Outcome outcome = wanted.command(session, wanted.arguments);
    if (!outcome) return told(outcome.error());
    if (watches && colour) print(kClearScreen);
    print(*outcome);
    if (!watches) return kDone;
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(*each_ms));
  }
}

// ---- the description

class Description {
 public:
  Description(CLI::App& ctl, Wanted& wanted) : x_ctl(ctl), x_wanted(wanted) {}

  void describe();

 private:
  CLI::App& add(const char* name, const char* what, Command command) {
    CLI::App& app = *x_ctl.add_subcommand(name, what);
    app.callback([this, command] { x_wanted.command = command; });
    return app;
  }
  // It can be shown again and again, and with more columns.
  CLI::App& add_table(const char* name, const char* what, Command command) {
    CLI::App& app = add(name, what, command);
    app.add_flag("-w,--wide", x_wanted.wide, "More columns");
    return watched(app);
  }
  CLI::App& watched(CLI::App& app) {
    app.add_flag("--watch{2s}", x_wanted.watch, "Show it again every 2 seconds, or --watch=10s");
    return app;
  }
  CLI::App& add_write(const char* name, const char* what, Command command) {
    CLI::App& app = add(name, what, command);
    app.add_option("--reason", x_wanted.arguments.reason, "Why; goes to the event and the log");
    return app;
  }
  // It is an override, which may end by itself.
  CLI::App& add_override(const char* name, const char* what, Command command) {
    CLI::App& app = add_write(name, what, command);
    app.add_option("--ttl", x_wanted.arguments.ttl, "Reverts by itself after so long, such as 10m");
    return app;
  }
  CLI::Option* named(CLI::App& app, const char* what) {
    return app.add_option("service", x_wanted.arguments.name, what);
  }
  void add_reads();
  void add_writes();
  void add_process();

  CLI::App& x_ctl;
  Wanted& x_wanted;
};

void Description::describe() {
  x_ctl.require_subcommand(1);
  // Options stand before the command or behind it.
  x_ctl.fallthrough();
  ServerOptions& server = x_wanted.server;
  x_ctl
      .add_option("--admin", server.admin,
                  "Where the admin API is: IP:PORT, unix:PATH or https://IP:PORT")
      ->envname("OUTRIGGER_ADMIN")
      ->type_name("ADDRESS");
  x_ctl.add_option("-c,--config", server.files, "Take the address from this configuration")
      ->allow_extra_args(false)
      ->type_name("FILE");
  x_ctl.add_option("--token-file", server.token_file, "The file that holds the bearer token")
      ->type_name("FILE");
  x_ctl.add_option("--ca-file", server.ca_file, "TLS, with the roots in this file")
      ->type_name("FILE");
  x_ctl.add_flag("--json", x_wanted.json, "The body of the API as it is, for scripts");
  x_ctl.footer(
      "Without --admin and -c it is 127.0.0.1:9901. Colours on a terminal only; none with "
      "NO_COLOR.\nExit codes: 0 done, 1 not reached, 2 a bad command line, 3 refused.");
  add_reads();
  add_writes();
  add_process();
}

void Description::add_reads() {
  add_table("status", "What runs, and which services are in trouble", show_status);
  named(add_table("services", "Services, the worst first", show_services),
        "One of them, with its endpoints");
  named(add_table("circuits", "Circuits: state, since when and why", show_circuits),
        "One of them: SERVICE or SERVICE/ROUTE");
  named(add_table("endpoints", "Endpoints of a service, and what excludes each", show_endpoints),
        "Whose")
      ->required();
  named(
      add_table("policy", "Every setting of a service or route, and where it is from", show_policy),
      "SERVICE or SERVICE/ROUTE")
      ->required();
  CLI::App& overrides =
      add_table("overrides", "What differs from the file: who, why, until when", show_overrides);
  named(overrides, "Of that one only");
  overrides.add_flag("--yaml", x_wanted.arguments.yaml, "Ready to paste into the file");
  add("events", "The last 1000 changes of state", show_events)
      .add_flag("-f,--follow", x_wanted.arguments.follow, "And those that come");
  add("live", "Rate, failures and latency of what is called, once a second", show_live);
  add_table("unmatched", "Hosts that no service claims, with the nearest one", show_unmatched);
}

void Description::add_writes() {
  Arguments& arguments = x_wanted.arguments;
  CLI::App& patch_command = add_override("patch", "Change settings while it runs", patch);
  named(patch_command, "SERVICE or SERVICE/ROUTE")->required();
  patch_command
      .add_option("settings", arguments.words,
                  "key=value, such as retry.attempts=1; =null returns it to the file")
      ->required();
  patch_command.add_flag("--dry-run", arguments.dry_run, "Tell what it would be, change nothing");

  CLI::App& force_command = add_override("force", "Force a circuit, or leave it to itself", force);
  named(force_command, "SERVICE or SERVICE/ROUTE")->required();
  force_command.add_option("state", arguments.state, "forced_open, forced_closed, shadow or auto")
      ->required()
      ->check(CLI::IsMember({"forced_open", "forced_closed", "open", "closed", "shadow", "auto"}));

  CLI::App& endpoint_command =
      add_override("endpoint", "Take an endpoint out, or put it back", set_endpoint);
  named(endpoint_command, "Whose")->required();
  endpoint_command.add_option("address", arguments.endpoint, "IP:PORT")->required();
  endpoint_command.add_option("state", arguments.state, "drain, disabled or auto")
      ->required()
      ->check(CLI::IsMember({"drain", "disabled", "auto"}));

  add_write("undo", "Take back what was changed here", undo)
      .add_option("what", arguments.words, "Services, or ids of overrides; none: everything");
}

void Description::add_process() {
  Arguments& arguments = x_wanted.arguments;
  CLI::App& config_command = add("config", "What is in force, as YAML", show_config);
  config_command.add_flag("--diff", arguments.diff, "How it differs from the files instead");
  add_write("reload", "Read the files again, and tell what changed", reload);
  add("check", "Check a configuration there, and change nothing", check)
      .add_option("file", arguments.file, "The file")
      ->required();
  add("schema", "The JSON Schema of its configuration", show_schema);
  CLI::App& explain_command =
      add("explain", "What a call would get, and which line says so", explain);
  explain_command.add_option("method", arguments.method, "GET, POST ...")->required();
  explain_command.add_option("url", arguments.url, "http://HOST[:PORT]/PATH")->required();
  add_override("log", "The level from which lines are logged", set_log)
      .add_option("level", arguments.state, "debug, info, warning, error or auto")
      ->required()
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "auto"}));
  CLI::App& cache = *x_ctl.add_subcommand("cache", "Stored answers");
  cache.require_subcommand(1);
  CLI::App& clear = *cache.add_subcommand("clear", "Empty the stale store of a service");
  clear.callback([this] { x_wanted.command = ctl::clear_cache; });
  clear.add_option("--reason", arguments.reason, "Why; goes to the event and the log");
  named(clear, "Whose")->required();
  add_table("registrations", "The neighbour in each registry", show_registrations);
  add_write("deregister", "Take the neighbour out of the registries, for good", ctl::deregister);
  add_write("drain", "Begin the orderly end", drain);
}

}  // namespace

struct CtlCommandLine::Parts {
  CLI::App& ctl;
  Wanted wanted{};
  Description description{ctl, wanted};
};

CtlCommandLine::CtlCommandLine(CLI::App& cli)
    : x_parts(new Parts{*cli.add_subcommand("ctl", "See and steer a running sidecar")}) {
  x_parts->description.describe();
}

CtlCommandLine::~CtlCommandLine() = default;

bool CtlCommandLine::is_wanted() const { return x_parts->ctl.parsed(); }

int CtlCommandLine::run() {
  const Wanted& wanted = x_parts->wanted;
  auto found = find_server(wanted.server, ::time(nullptr));
  if (!found) return told({kUsage, found.error()});
  const bool colour = has_colours();
  Caller caller(std::move(found->server));
  Session session(caller, {.token = std::move(found->token),
                           .json = wanted.json,
                           .look = {.wide = wanted.wide, .colour = colour},
                           .command = command_again(x_parts->ctl)});
  return run_on(session, wanted, colour);
}

}  // namespace outrigger::ctl
