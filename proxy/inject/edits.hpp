// What is to change in a document: cuts take out, additions put in. Each is made once, from a tree,
// and then done to the tree, which says what the result must mean, and to the text (splice.hpp),
// which keeps how it is written. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/inject/path.hpp"

namespace outrigger::inject {

// An entry or an item goes, or what it holds does: then an empty value, as it once was, stays.
struct Cut {
  enum class Leaves : uint8_t { kNothing, kNull, kList, kMap };
  Path path;
  Leaves leaves = Leaves::kNothing;
};

// Items to the front of a list, or entries into a map, which is made where there is none.
struct Addition {
  Path parent;
  config::Node content;
};

// What was there instead of a list or map, to be told to the cut: `spec.volumes=[]`.
struct Emptied {
  std::string path;  // below the pod
  std::string was;   // `[]`, `{}`, `null`
  bool operator==(const Emptied&) const = default;
};

// Where an addition meets an empty value, which a cut has to leave behind.
std::vector<Emptied> emptied_by(const config::Node& root, const Path& pod,
                                const std::vector<Addition>& additions);
std::string to_string(const std::vector<Emptied>& emptied);
std::vector<Emptied> parse_emptied(std::string_view text);

// The cuts that take out what stands at `ours`, with the lists and maps that would be empty then.
// In such an order that none moves what a later one means.
std::vector<Cut> cuts_of(const config::Node& root, const Path& pod, std::vector<Path> ours,
                         const std::vector<Emptied>& emptied);

void apply_to(config::Node& root, const std::vector<Cut>& cuts);
void apply_to(config::Node& root, const std::vector<Addition>& additions);

// How far a path leads: the number of its steps that lead to a list or map that holds something.
size_t depth_of(const config::Node& root, const Path& path);
// The rest of an addition from the step where nothing is yet.
config::Node wrapped(const Addition& addition, size_t from);

}  // namespace outrigger::inject
