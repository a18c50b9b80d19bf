#include "config/reader.hpp"

#include <algorithm>
#include <tuple>

#include "config/later.hpp"
#include "config/text.hpp"

namespace outrigger::config {

std::string shown(const Node& node) {
  constexpr size_t kLongest = 60;
  switch (node.kind) {
    case Node::Kind::kNull:
      return "empty";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      break;
  }
  return in_quotes(node.text.size() <= kLongest ? node.text
                                                : node.text.substr(0, kLongest) + "...");
}

Problem Reader::at(const Mark& mark, std::string what) const {
  Problem problem{"", mark.line, mark.line == 0 ? 0 : mark.column, path(), std::move(what)};
  if (mark.file >= 0) problem.file = x_document.files[static_cast<size_t>(mark.file)];
  return problem;
}

void Reader::names_file(const Mark& mark, const std::string& path, FileUse use) {
  if (x_named.emplace(path, use).second) x_files.push_back({path, use, at(mark, "")});
}

void Reader::problem(const Mark& mark, std::string what) {
  constexpr size_t kMostProblems = 1'000;
  const Problem problem = at(mark, std::move(what));
  const std::string place = std::to_string(mark.file) + ':' + std::to_string(mark.line) + ':' +
                            std::to_string(mark.column) + ':';
  // Nothing of the file says it: then the path tells two such problems apart.
  const std::string nowhere = mark == Mark{} ? problem.path : std::string();
  const bool is_new = x_said.insert(place + nowhere + problem.what).second;
  if (is_new && x_problems.size() < kMostProblems) x_problems.emplace_back(mark, problem);
}

void Reader::wrong(const Node& node, std::string_view wanted, std::string_view hint) {
  std::string what = in_quotes(key()) + " is " + shown(node) + ", not " + std::string(wanted);
  if (!hint.empty()) what += "; " + std::string(hint);
  problem(node.mark, std::move(what));
}

void Reader::unknown(const Mark& mark, std::string_view what, std::string_view word,
                     std::span<const std::string_view> known) {
  std::string message = "unknown " + std::string(what) + ' ' + in_quotes(word) + "; ";
  constexpr size_t kMostCompared = 1'000;
  constexpr size_t kMostShown = 24;
  const std::string_view near = nearest(word, known.first(std::min(known.size(), kMostCompared)));
  if (!near.empty()) {
    message += "did you mean " + in_quotes(near) + '?';
  } else if (known.empty()) {
    message += "there is none";
  } else {
    message += "known here: ";
    for (size_t i = 0; i < std::min(known.size(), kMostShown); ++i) {
      if (i != 0) message += ", ";
      message += known[i];
    }
  }
  problem(mark, std::move(message));
}

bool Reader::is_later(const Mark& mark, std::string_view section, std::string_view name,
                      const Node* value) {
  const Later* found = find_later(section, name);
  if (found == nullptr) return false;
  const auto asks_nothing = [&] {
    if (value == nullptr || found->neutral.empty()) return false;
    const std::string written = to_flow(*value);
    return value->is_null() || written == found->neutral ||
           (found->neutral == "off" && value->is_off());
  };
  if (!asks_nothing()) problem(mark, in_quotes(name) + " is not in this version");
  return true;
}

std::vector<Problem> Reader::take() {
  std::stable_sort(x_problems.begin(), x_problems.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.file, a.first.line, a.first.column) <
           std::tie(b.first.file, b.first.line, b.first.column);
  });
  std::vector<Problem> problems;
  for (auto& [mark, problem] : x_problems) problems.push_back(std::move(problem));
  x_problems.clear();
  return problems;
}

std::string_view Reader::key() const {
  for (auto name = x_path.rbegin(); name != x_path.rend(); ++name) {
    if (!name->starts_with('[')) return *name;
  }
  return "the file";
}

std::string Reader::path() const {
  std::string joined;
  for (const std::string& name : x_path) {
    if (!joined.empty() && !name.starts_with('[')) joined += '.';
    joined += name;
  }
  return joined;
}

}  // namespace outrigger::config
