// The documents of a stream of manifests, by text alone: what holds no workload is never parsed
// and passes byte for byte. Pure functions; the pieces point into the text.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace outrigger::inject {

// Each begins with its `---` line, but for the first, which may have none. Together they are the
// text.
std::vector<std::string_view> split_documents(std::string_view text);

// Whether the document may be of one of these kinds: cheap, and never wrong about one that is.
bool may_be(std::string_view document, std::span<const std::string_view> kinds);

}  // namespace outrigger::inject
