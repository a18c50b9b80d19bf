#include "proxy/inject/edits.hpp"

#include <algorithm>
#include <sstream>

namespace outrigger::inject {
namespace {

using config::Entry;
using config::Node;

bool holds_nothing(const Node& node) {
  return node.items.empty() && node.entries.empty() && !node.is_scalar();
}

Cut::Leaves leaves_of(const std::vector<Emptied>& emptied, const std::string& path) {
  for (const Emptied& was : emptied) {
    if (was.path != path) continue;
    if (was.was == "null") return Cut::Leaves::kNull;
    return was.was == "[]" ? Cut::Leaves::kList : Cut::Leaves::kMap;
  }
  return Cut::Leaves::kNothing;
}

void erase(Node& root, Path path) {
  const Step last = path.back();
  path.pop_back();
  Node* parent = find(root, path);
  if (parent == nullptr) return;
  if (const auto* key = std::get_if<std::string>(&last)) {
    std::erase_if(parent->entries, [&](const Entry& entry) { return entry.key == *key; });
  } else {
    parent->items.erase(parent->items.begin() + static_cast<ptrdiff_t>(std::get<size_t>(last)));
  }
}

}  // namespace

size_t depth_of(const Node& root, const Path& path) {
  size_t depth = path.size();
  while (depth > 0) {
    const Node* node = find(root, Path(path.begin(), path.begin() + static_cast<ptrdiff_t>(depth)));
    if (node != nullptr && !holds_nothing(*node)) break;
    --depth;
  }
  return depth;
}

Node wrapped(const Addition& addition, size_t from) {
  Node content = addition.content;
  for (size_t i = addition.parent.size(); i > from; --i) {
    Node outer = Node::map();
    outer.set(std::get<std::string>(addition.parent[i - 1]), std::move(content));
    content = std::move(outer);
  }
  return content;
}

std::vector<Emptied> emptied_by(const Node& root, const Path& pod,
                                const std::vector<Addition>& additions) {
  std::vector<Emptied> emptied;
  for (const Addition& addition : additions) {
    Path path = addition.parent;
    path.resize(std::min(path.size(), depth_of(root, path) + 1));
    const Node* node = find(root, path);
    if (node == nullptr || !holds_nothing(*node)) continue;
    const char* was = node->is_null() ? "null" : node->is_list() ? "[]" : "{}";
    emptied.push_back({describe(root, path, pod.size()), was});
  }
  return emptied;
}

std::string to_string(const std::vector<Emptied>& emptied) {
  std::string out;
  for (const Emptied& was : emptied) {
    out += (out.empty() ? "" : " ") + was.path + "=" + was.was;
  }
  return out;
}

std::vector<Emptied> parse_emptied(std::string_view text) {
  std::vector<Emptied> emptied;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const size_t equals = word.rfind('=');
    if (equals != word.npos) emptied.push_back({word.substr(0, equals), word.substr(equals + 1)});
  }
  return emptied;
}

std::vector<Cut> cuts_of(const Node& root, const Path& pod, std::vector<Path> ours,
                         const std::vector<Emptied>& emptied) {
  std::vector<Cut> cuts;
  // Deepest first, so that a list which loses all its items is seen before the map it stands in.
  while (!ours.empty()) {
    const auto deepest = std::max_element(
        ours.begin(), ours.end(), [](const Path& a, const Path& b) { return a.size() < b.size(); });
    const Path parent(deepest->begin(), deepest->end() - 1);
    const auto siblings = std::stable_partition(ours.begin(), ours.end(), [&](const Path& path) {
      return path.size() != parent.size() + 1 ||
             !std::equal(parent.begin(), parent.end(), path.begin());
    });
    const Node* holder = find(root, parent);
    const auto lost = static_cast<size_t>(ours.end() - siblings);
    if (holder->items.size() + holder->entries.size() > lost || parent.size() <= pod.size()) {
      for (auto path = siblings; path != ours.end(); ++path) cuts.push_back({*path});
      ours.erase(siblings, ours.end());
      continue;
    }
    ours.erase(siblings, ours.end());
    const Cut::Leaves leaves = leaves_of(emptied, describe(root, parent, pod.size()));
    if (leaves == Cut::Leaves::kNothing) {
      ours.push_back(parent);
    } else {
      cuts.push_back({parent, leaves});
    }
  }
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return a.path.size() != b.path.size() ? a.path.size() > b.path.size() : a.path > b.path;
  });
  return cuts;
}

void apply_to(Node& root, const std::vector<Cut>& cuts) {
  for (const Cut& cut : cuts) {
    if (cut.leaves == Cut::Leaves::kNothing) {
      erase(root, cut.path);
    } else if (Node* node = find(root, cut.path)) {
      *node = cut.leaves == Cut::Leaves::kNull   ? Node{}
              : cut.leaves == Cut::Leaves::kList ? Node::list()
                                                 : Node::map();
    }
  }
}

void apply_to(Node& root, const std::vector<Addition>& additions) {
  for (const Addition& addition : additions) {
    const size_t depth = depth_of(root, addition.parent);
    Node content = wrapped(addition, std::min(depth + 1, addition.parent.size()));
    Node* holder = find(root, Path(addition.parent.begin(),
                                   addition.parent.begin() + static_cast<ptrdiff_t>(depth)));
    if (depth < addition.parent.size()) {
      holder->set(std::get<std::string>(addition.parent[depth]), std::move(content));
      continue;
    }
    std::move(content.entries.begin(), content.entries.end(), std::back_inserter(holder->entries));
    std::move(content.items.begin(), content.items.end(),
              std::inserter(holder->items, holder->items.begin()));
  }
}

}  // namespace outrigger::inject
