#include "proxy/app/inject_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "config/config.hpp"
#include "proxy/app/command_line.hpp"
#include "proxy/app/intercept_rules.hpp"
#include "proxy/inject/inject.hpp"
#include "proxy/inject/policy.hpp"

namespace outrigger::app {
namespace {

constexpr size_t kInputMax = 16 << 20;

struct Input {
  std::string name;
  std::string text;
};

void complain(const std::string& what) { std::fprintf(stderr, "%s\n", what.c_str()); }

Result<std::string> read_all(std::FILE* file) {
  std::string text;
  std::array<char, 65'536> piece;
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), file)) {
    text.append(piece.data(), got);
    if (text.size() > kInputMax) return failure(std::string("larger than 16MiB"));
  }
  if (std::ferror(file) != 0) return failure(std::string(std::strerror(errno)));
  return text;
}

Result<std::string> read_file(const std::string& path) {
  if (path == "-") return read_all(stdin);
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return failure(std::string(std::strerror(errno)));
  auto text = read_all(file);
  std::fclose(file);
  return text;
}

// The manifests of a folder, by name; not those of folders in it.
std::vector<std::string> files_of(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension().string();
    const bool counts = extension == ".yaml" || extension == ".yml" || extension == ".json";
    if (counts && entry.is_regular_file(error)) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Nothing: one of them cannot be read, which is said.
std::optional<std::vector<Input>> read_inputs(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    for (const std::string& file : files_of(path)) {
      auto text = read_file(file);
      if (!text) {
        complain(file + ": " + text.error());
        return std::nullopt;
      }
      inputs.push_back({file == "-" ? "stdin" : file, std::move(*text)});
    }
  }
  return inputs;
}

// Several files are one stream of documents.
void append_stream(std::string& out, const std::string& text) {
  if (out.empty() || text.empty()) {
    out += text;
    return;
  }
  if (!out.ends_with('\n')) out += '\n';
  if (!text.starts_with("---")) out += "---\n";
  out += text;
}

bool write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) == 0) return true;
  complain(std::string("stdout: ") + std::strerror(errno));
  return false;
}

template <class Change>
int change_all(const std::vector<Input>& inputs, Change change) {
  std::string out;
  size_t workloads = 0;
  bool refused = false;
  for (const Input& input : inputs) {
    const inject::Changed changed = change(input.text);
    append_stream(out, changed.text);
    for (const inject::Report& report : changed.reports) {
      const bool has_place = report.workload.starts_with("document ");
      complain((has_place ? input.name + ": " : "") + to_string(report));
      refused = refused || report.what == inject::Report::What::kRefused;
    }
    workloads += changed.reports.size();
  }
  if (workloads == 0) complain("there is no workload in what was read");
  if (!write_out(out)) return kExitFailed;
  return refused ? kExitBadInput : kExitOk;
}

// The configuration as the pod will read it: variables are those of the pod, not ours.
bool read_config(const std::string& path, inject::Options& options) {
  auto text = read_file(path);
  if (!text) {
    complain(path + ": " + text.error());
    return false;
  }
  const config::Loaded loaded = config::load_unexpanded(path, *text);
  for (const config::Problem& problem : loaded.problems) complain(config::to_string(problem));
  if (!loaded.ok()) return false;
  options.facts = inject::facts_of(loaded.config);
  const auto redirected = interception(loaded.config, {});
  if (!redirected) options.facts->not_redirected = redirected.error();
  if (options.config_map.empty()) options.config_text = std::move(*text);
  return true;
}

int print_policy(const InjectCommand& command) {
  const auto text = inject::policy(command.policy, command.options);
  if (!text) {
    complain(text.error());
    return kExitBadInput;
  }
  return write_out(*text) ? kExitOk : kExitFailed;
}

}  // namespace

int inject_manifests(InjectCommand command) {
  inject::Options& options = command.options;
  options.mode = inject::parse_mode(command.mode);
  const auto resources = inject::parse_resources(command.resources);
  if (!resources) {
    complain("--resources: " + resources.error());
    return kExitBadInput;
  }
  options.resources = *resources;
  if (!command.config_file.empty() && !read_config(command.config_file, options)) {
    return kExitBadInput;
  }
  if (!command.policy.empty()) return print_policy(command);
  if (command.inputs.empty()) {
    complain("FILE is missing: manifests, folders of them, or - for stdin");
    return kExitBadInput;
  }
  const auto inputs = read_inputs(command.inputs);
  if (!inputs) return kExitBadInput;
  std::vector<inject::Namespace> namespaces;
  for (const Input& input : *inputs) {
    auto found = inject::namespaces_in(input.text);
    std::move(found.begin(), found.end(), std::back_inserter(namespaces));
  }
  return change_all(
      *inputs, [&](const std::string& text) { return inject::inject(text, options, namespaces); });
}

int uninject_manifests(const std::vector<std::string>& inputs) {
  const auto read = read_inputs(inputs);
  if (!read) return kExitBadInput;
  return change_all(*read, [](const std::string& text) { return inject::uninject(text); });
}

}  // namespace outrigger::app
