// From files to a Config and everything that is wrong with it.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <tuple>

#include "config/config.hpp"
#include "config/describe.hpp"
#include "config/validate.hpp"

namespace outrigger::config {
namespace {

std::array<int, 3> version_numbers(std::string_view text) {
  std::array<int, 3> numbers{};
  for (int& number : numbers) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
    if (text.starts_with('.')) text.remove_prefix(1);
  }
  return numbers;
}

// Of a file that is for a newer binary nothing else is said: what it holds may not be known here.
bool is_for_newer(const Node& root) {
  const Node* const bound = root.find("requires");
  if (bound == nullptr || !is_version_bound(bound->text)) return false;
  return version_numbers(OUTRIGGER_VERSION) < version_numbers(bound->text.substr(2));
}

// Returns whether it is for this version.
bool add_layer(Loaded& loaded, std::string_view name, std::string_view text,
               const Environment& environment, std::vector<Mark>* unexpanded = nullptr) {
  const int index = static_cast<int>(loaded.document.files.size());
  loaded.document.files.emplace_back(name);
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    // Perhaps it is being written just now.
    loaded.problems.push_back(Problem{std::string(name), 1, 1, "", "the file is empty"});
    return true;
  }
  Node root = parse_yaml(FileText{index, name, text}, environment, loaded.problems, unexpanded);
  if (is_for_newer(root)) {
    const Node& bound = *root.find("requires");
    loaded.problems = {Problem{std::string(name), bound.mark.line, bound.mark.column, "requires",
                               "this file requires " + bound.text +
                                   ", and this is " OUTRIGGER_VERSION "; use a newer outrigger"}};
    return false;
  }
  if (!root.is_null() && !root.is_map()) {
    loaded.problems.push_back(Problem{std::string(name), root.mark.line, root.mark.column, "",
                                      "the file is not a map; write key: value"});
    return true;
  }
  loaded.document.root = layered(loaded.document.root, root);
  return true;
}

// What can be read is read even where the YAML had mistakes, so that all of them are told at once.
Loaded finish(Loaded loaded) {
  Loaded result = compile(std::move(loaded.document));
  // A value that could not be read at all is not also of the wrong kind.
  std::erase_if(result.problems, [&](const Problem& later) {
    return std::any_of(loaded.problems.begin(), loaded.problems.end(), [&](const Problem& first) {
      return first.file == later.file && first.line == later.line && first.column == later.column;
    });
  });
  result.problems.insert(result.problems.begin(), loaded.problems.begin(), loaded.problems.end());
  const std::vector<std::string>& files = result.document.files;
  const auto order = [&](const Problem& problem) {
    const auto file = std::find(files.begin(), files.end(), problem.file);
    return std::tuple(file - files.begin(), problem.line, problem.column);
  };
  std::stable_sort(result.problems.begin(), result.problems.end(),
                   [&](const Problem& a, const Problem& b) { return order(a) < order(b); });
  return result;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Loaded compile(Document document) {
  Loaded loaded;
  loaded.document = std::move(document);
  Reader reader(loaded.document);
  if (loaded.document.root.is_map()) {
    ReadVisitor visitor(reader, loaded.document.root, "config");
    describe(visitor, loaded.config);
    visitor.finish("x-");
  }
  validate(reader, loaded.config);
  loaded.problems = reader.take();
  loaded.named = reader.take_files();
  return loaded;
}

Loaded load_text(std::string_view name, std::string_view text, const Environment& environment) {
  return load_texts({{std::string(name), std::string(text)}}, environment);
}

Loaded load_texts(const Texts& texts, const Environment& environment) {
  Loaded loaded;
  for (const auto& [path, text] : texts) {
    if (text) {
      if (!add_layer(loaded, path, *text, environment)) return loaded;
    } else {
      std::string_view why = text.error();
      if (why.starts_with(path + ": ")) why.remove_prefix(path.size() + 2);
      loaded.problems.push_back(Problem{path, 0, 0, "", "cannot be read: " + std::string(why)});
    }
  }
  return finish(std::move(loaded));
}

Loaded load_unexpanded(std::string_view name, std::string_view text) {
  Loaded loaded;
  std::vector<Mark> unexpanded;
  const auto whatever = [](const std::string&) { return std::optional<std::string>(""); };
  if (!add_layer(loaded, name, text, whatever, &unexpanded)) return loaded;
  loaded = finish(std::move(loaded));
  std::erase_if(loaded.problems, [&](const Problem& problem) {
    return std::find(unexpanded.begin(), unexpanded.end(), Mark{0, problem.line, problem.column}) !=
           unexpanded.end();
  });
  return loaded;
}

Loaded load_files(const std::vector<std::string>& paths, const Environment& environment) {
  return load_texts(read_texts(paths), environment);
}

EndpointList load_endpoints(std::string_view name, std::string_view text) {
  EndpointList list;
  Document document;
  document.files.emplace_back(name);
  document.root = parse_yaml(FileText{0, name, text}, {}, list.problems);
  if (!list.problems.empty()) return list;
  Reader reader(document);
  if (document.root.is_map()) {
    ReadVisitor visitor(reader, document.root, "endpoint file");
    visitor.key("endpoints", list.endpoints, List<EndpointItem>{}, "");
    visitor.finish();
  }
  if (document.root.find("endpoints") == nullptr) {
    reader.problem(Mark{0, 1, 1}, "no \"endpoints\"; write endpoints: [\"IP:PORT\"]");
  }
  list.problems = reader.take();
  return list;
}

}  // namespace outrigger::config
