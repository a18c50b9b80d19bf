#include "proxy/app/command_line.hpp"

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/config.hpp"
#include "config/notes.hpp"
#include "proxy/app/app.hpp"
#include "proxy/app/explain.hpp"
#include "proxy/app/intercept.hpp"
#include "proxy/app/probe.hpp"
#include "proxy/app/tls_options.hpp"
#include "proxy/app/version.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

enum class TlsFiles : uint8_t { kChecked, kUntouched };

// Every mistake on a line of its own, or the configuration.
std::optional<config::Loaded> load(const std::vector<std::string>& files,
                                   TlsFiles tls_files = TlsFiles::kChecked) {
  auto loaded = config::load_files(files, config::process_environment());
  if (loaded.ok() && tls_files == TlsFiles::kChecked) {
    loaded.problems = check_tls_files(loaded.config, std::time(nullptr));
  }
  if (loaded.ok()) return loaded;
  for (const config::Problem& problem : loaded.problems) {
    std::fprintf(stderr, "%s\n", config::to_string(problem).c_str());
  }
  return std::nullopt;
}

int check(const std::vector<std::string>& files, bool effective) {
  const auto loaded = load(files);
  if (!loaded) return kExitBadInput;
  for (const config::Problem& note : config::notes(*loaded)) {
    std::fprintf(stderr, "%s (a note, no mistake)\n", config::to_string(note).c_str());
  }
  if (effective) {
    print(config::effective(loaded->config));
  } else {
    std::fprintf(stderr, "%s: ok, %zu service%s\n", files.front().c_str(),
                 loaded->config.services.size(), loaded->config.services.size() == 1 ? "" : "s");
  }
  return kExitOk;
}

int explain_call(const std::vector<std::string>& files, const Question& question) {
  const auto loaded = load(files);
  if (!loaded) return kExitBadInput;
  const auto answer = explain(*loaded, question);
  if (!answer) {
    std::fprintf(stderr, "%s\n", answer.error().c_str());
    return kExitBadInput;
  }
  print(*answer);
  return kExitOk;
}

int intercept_traffic(const std::vector<std::string>& files, const InterceptCommand& command) {
  if (command.action == "remove") return remove_interception(command.backend);
  if (files.empty()) {
    std::fprintf(stderr, "intercept %s needs --config\n", command.action.c_str());
    return kExitBadInput;
  }
  const auto loaded = load(files, TlsFiles::kUntouched);
  return loaded ? intercept(command, loaded->config) : kExitBadInput;
}

int run(const std::vector<std::string>& files) {
  auto loaded = load(files);
  if (!loaded) return kExitBadInput;
  return run_app(std::move(*loaded));
}

CLI::Option& add_files(CLI::App& command, std::vector<std::string>& files) {
  return *command
              .add_option("-c,--config", files,
                          "Configuration file (YAML); repeat it to merge several")
              ->required()
              ->allow_extra_args(false)
              ->type_name("FILE");
}

void add_intercept(CLI::App& command, std::vector<std::string>& files, InterceptCommand& wanted) {
  static const std::map<std::string, InterceptBackend> kBackends = {
      {"auto", InterceptBackend::kAuto},
      {"nft", InterceptBackend::kNft},
      {"iptables", InterceptBackend::kIptables}};
  command
      .add_option("action", wanted.action,
                  "print the rules, install them, or remove them (then FILE is not needed)")
      ->required()
      ->check(CLI::IsMember({"print", "install", "remove"}));
  add_files(command, files).required(false);
  command
      .add_option("--backend", wanted.backend,
                  "nft, iptables or auto (what is installed; nft to print)")
      ->transform(CLI::CheckedTransformer(kBackends).description(""))
      ->type_name("BACKEND");
  command.add_flag(
      "--prerouting", wanted.forwarded,
      "Also what this host forwards for others; the listener must be at 0.0.0.0 or [::]");
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App cli("Outrigger: a sidecar that carries the outbound HTTP calls of a service.");
  cli.set_version_flag("--version", std::string("outrigger ") + kVersion);
  cli.require_subcommand(1);

  std::vector<std::string> files;
  log::Format format = log::Format::kAuto;
  const std::map<std::string, log::Format> formats = {
      {"auto", log::Format::kAuto}, {"text", log::Format::kText}, {"json", log::Format::kJson}};

  CLI::App& run_command = *cli.add_subcommand("run", "Run the sidecar");
  add_files(run_command, files);
  run_command.add_option("--log-format", format, "text, json or auto (text on a terminal)")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""))
      ->type_name("FORMAT");

  bool effective = false;
  CLI::App& check_command =
      *cli.add_subcommand("check", "Report every mistake in a configuration, with its place");
  add_files(check_command, files);
  check_command.add_flag("--effective", effective, "Print it with all defaults filled in");

  Question question;
  CLI::App& explain_command =
      *cli.add_subcommand("explain", "Say what a call would get, and which line says so");
  add_files(explain_command, files);
  explain_command.add_option("method", question.method, "GET, POST ...")->required();
  explain_command
      .add_option("url", question.url, "http://HOST[:PORT]/PATH, or HOST:PORT of CONNECT")
      ->required();
  explain_command.add_option("-H,--header", question.headers, "A field of the call, 'name: value'")
      ->allow_extra_args(false)
      ->type_name("FIELD");

  CLI::App& schema_command =
      *cli.add_subcommand("schema", "Print the JSON Schema of the configuration, for editors");

  InterceptCommand interception;
  CLI::App& intercept_command = *cli.add_subcommand(
      "intercept", "The kernel's rules that send outbound TCP of other users to the sidecar");
  add_intercept(intercept_command, files, interception);

  ProbeTarget probe_target;
  CLI::App& probe_command = *cli.add_subcommand("probe", "Exec probe: exit 0 when it holds");
  probe_command.add_option("what", probe_target.what, "startup or ready")
      ->required()
      ->check(CLI::IsMember({"startup", "ready"}));
  probe_command.add_option("--address", probe_target.address, "Of the metrics listener")
      ->capture_default_str();

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = cli.exit(error);
    return code == 0 ? kExitOk : kExitBadInput;
  }

  log::set_format(format);
  if (run_command) return run(files);
  if (check_command) return check(files, effective);
  if (explain_command) return explain_call(files, question);
  if (intercept_command) return intercept_traffic(files, interception);
  if (schema_command) return print(config::schema() + "\n"), kExitOk;
  return probe(probe_target);
}

}  // namespace outrigger::app
