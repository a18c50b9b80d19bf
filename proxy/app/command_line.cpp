#include "proxy/app/command_line.hpp"

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config/config.hpp"
#include "config/notes.hpp"
#include "proxy/app/app.hpp"
#include "proxy/app/check_files.hpp"
#include "proxy/app/completion.hpp"
#include "proxy/app/explain.hpp"
#include "proxy/app/inject_command.hpp"
#include "proxy/app/intercept.hpp"
#include "proxy/app/last_good.hpp"
#include "proxy/app/probe.hpp"
#include "proxy/app/version.hpp"
#include "proxy/base/log.hpp"
#include "proxy/ctl/await.hpp"
#include "proxy/ctl/command_line.hpp"

namespace outrigger::app {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

enum class NamedFiles : uint8_t { kChecked, kUntouched };

config::Loaded load(const config::Texts& texts, NamedFiles named) {
  auto loaded = config::load_texts(texts, config::process_environment());
  if (loaded.ok() && named == NamedFiles::kChecked) {
    loaded.problems = check_files(loaded, std::time(nullptr));
  }
  return loaded;
}

void print_problems(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "%s\n", config::to_string(problem).c_str());
  }
}

// Every mistake on a line of its own, or the configuration.
std::optional<config::Loaded> load(const std::vector<std::string>& files,
                                   NamedFiles named = NamedFiles::kChecked) {
  auto loaded = load(config::read_texts(config::with_slashes(files)), named);
  if (loaded.ok()) return loaded;
  print_problems(loaded.problems);
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
  const auto loaded = load(files, NamedFiles::kUntouched);
  return loaded ? intercept(command, loaded->config) : kExitBadInput;
}

// What an earlier process kept, instead of files that are bad. Nothing: it kept nothing that is
// good now, which is said too.
std::optional<FirstConfig> last_good(const std::string& folder, RefusedFiles refused) {
  auto texts = load_last_good(folder);
  if (!texts) {
    std::fprintf(stderr, "no last good configuration: %s\n", texts.error().c_str());
    return std::nullopt;
  }
  config::Loaded loaded = load(*texts, NamedFiles::kChecked);
  if (loaded.ok()) return FirstConfig{std::move(loaded), std::move(*texts), std::move(refused)};
  std::fprintf(stderr, "the last good configuration is not good any more:\n");
  print_problems(loaded.problems);
  return std::nullopt;
}

int run(const std::vector<std::string>& files, RunCommand command) {
  command.paths = config::with_slashes(files);
  config::Texts texts = config::read_texts(command.paths);
  config::Loaded loaded = load(texts, NamedFiles::kChecked);
  if (loaded.ok()) return run_app(command, {std::move(loaded), std::move(texts), std::nullopt});
  print_problems(loaded.problems);
  if (command.last_good.empty()) return kExitBadInput;
  auto first = last_good(command.last_good, {std::move(texts), std::move(loaded.problems)});
  return first ? run_app(command, *first) : kExitBadInput;
}

CLI::Option& add_files(CLI::App& command, std::vector<std::string>& files) {
  return *command
              .add_option(
                  "-c,--config", files,
                  "Configuration file (YAML), or a folder of them; repeat it to merge several")
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

CLI::Option& add_manifests(CLI::App& command, std::vector<std::string>& inputs) {
  return *command
              .add_option("FILE", inputs, "Manifests in YAML or JSON: files, folders, - is stdin")
              ->type_name("");
}

void add_inject(CLI::App& command, InjectCommand& wanted) {
  inject::Options& options = wanted.options;
  options.image = std::string("outrigger:") + kVersion;
  add_manifests(command, wanted.inputs);
  command
      .add_option("-c,--config", wanted.config_file,
                  "The sidecar's configuration: is checked with the pod, and written behind each "
                  "workload as its ConfigMap")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command
      .add_option("--config-map", options.config_map,
                  "A ConfigMap that is there already, with the configuration under outrigger.yaml "
                  "(outrigger-WORKLOAD)")
      ->type_name("NAME");
  command.add_option("--mode", wanted.mode, "redirect (unless it is said), proxy or ports")
      ->check(CLI::IsMember({"redirect", "proxy", "ports"}).description(""))
      ->type_name("MODE");
  command.add_option("--image", options.image, "Of the sidecar")
      ->capture_default_str()
      ->type_name("IMAGE");
  command
      .add_option("--resources", wanted.resources,
                  "cpu=10m,memory=32Mi,memory-limit=128Mi,cpu-limit=1: any of them")
      ->type_name("LIST");
  command.add_flag("--openshift", options.openshift,
                   "The platform chooses the sidecar's user; the mode is proxy");
  command.add_flag("--registry-token", options.registry_token,
                   "Gives the sidecar the token of the pod's service account, to ask Kubernetes "
                   "for endpoints; by itself where -c asks for them");
  command
      .add_option("--policy", wanted.policy,
                  "Print a MutatingAdmissionPolicy and its binding instead, which do the same to "
                  "pods labelled outrigger.dev/inject: enabled; v1 (Kubernetes 1.36) or v1beta1")
      ->check(CLI::IsMember({"v1", "v1beta1"}).description(""))
      ->type_name("VERSION");
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
  RunCommand wanted;
  run_command
      .add_option("--last-good", wanted.last_good,
                  "Keeps the last good configuration there, and begins with it when FILE is bad")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
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

  ctl::CtlCommandLine ctl_command(cli);
  ctl::AwaitCommandLine await_command(cli);
  InjectCommand injection;
  CLI::App& inject_command =
      *cli.add_subcommand("inject", "Put the sidecar into the pods of Kubernetes manifests");
  add_inject(inject_command, injection);

  std::vector<std::string> injected;
  CLI::App& uninject_command =
      *cli.add_subcommand("uninject", "Take out what inject put in: the same bytes as before");
  add_manifests(uninject_command, injected).required();

  ProbeTarget probe_target;
  CLI::App& probe_command = *cli.add_subcommand("probe", "Exec probe: exit 0 when it holds");
  probe_command.add_option("what", probe_target.what, "startup or ready")
      ->required()
      ->check(CLI::IsMember({"startup", "ready"}));
  probe_command.add_option("--address", probe_target.address, "Of the metrics listener")
      ->capture_default_str();

  std::string shell;
  CLI::App& completion_command = *cli.add_subcommand(
      "completion", "Print the script that completes commands and options in a shell");
  completion_command.add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));

  await_command.take_command(argc, argv);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = cli.exit(error);
    return code == 0 ? kExitOk : kExitBadInput;
  }

  log::set_format(format);
  if (run_command) return run(files, wanted);
  if (ctl_command.is_wanted()) return ctl_command.run();
  if (await_command.is_wanted()) return await_command.run();
  if (check_command) return check(files, effective);
  if (explain_command) return explain_call(files, question);
  if (intercept_command) return intercept_traffic(files, interception);
  if (completion_command) return print(completion(cli, shell)), kExitOk;
  if (inject_command) return inject_manifests(std::move(injection));
  if (uninject_command) return uninject_manifests(injected);
  if (schema_command) return print(config::schema() + "\n"), kExitOk;
  return probe(probe_target);
}

}  // namespace outrigger::app
