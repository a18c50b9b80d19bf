// From files to a Config and everything that is wrong with it.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "config/config.hpp"
#include "config/describe.hpp"
#include "config/validate.hpp"

namespace outrigger::config {
namespace {

// The text of a file, at most one byte more than a configuration may have.
std::optional<std::string> read_text(const std::string& path, std::vector<Problem>& problems) {
  const auto fail = [&](const std::string& why) {
    problems.push_back(Problem{path, 0, 0, "", "cannot be read: " + why});
    return std::nullopt;
  };
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(std::strerror(errno));
  if (S_ISDIR(info.st_mode)) return fail("it is a folder");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(std::strerror(errno));
  std::string text(kMaxYamlBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

void add_layer(Loaded& loaded, std::string_view name, std::string_view text,
               const Environment& environment) {
  const int index = static_cast<int>(loaded.document.files.size());
  loaded.document.files.emplace_back(name);
  Node root = parse_yaml(FileText{index, name, text}, environment, loaded.problems);
  if (!root.is_null() && !root.is_map()) {
    loaded.problems.push_back(Problem{std::string(name), root.mark.line, root.mark.column, "",
                                      "the file is not a map; write key: value"});
    return;
  }
  loaded.document.root = layered(loaded.document.root, root);
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
  std::stable_sort(
      result.problems.begin(), result.problems.end(), [&](const Problem& a, const Problem& b) {
        return a.file == b.file && std::pair(a.line, a.column) < std::pair(b.line, b.column);
      });
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
  return loaded;
}

Loaded load_text(std::string_view name, std::string_view text, const Environment& environment) {
  Loaded loaded;
  add_layer(loaded, name, text, environment);
  return finish(std::move(loaded));
}

Loaded load_file(const std::string& path, const Environment& environment) {
  return load_files({path}, environment);
}

Loaded load_files(const std::vector<std::string>& paths, const Environment& environment) {
  Loaded loaded;
  for (const std::string& path : paths) {
    if (const auto text = read_text(path, loaded.problems)) {
      add_layer(loaded, path, *text, environment);
    }
  }
  return finish(std::move(loaded));
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
