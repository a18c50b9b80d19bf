// Edits done to the text of a YAML document in block style, line by line, so that comments and
// style stay. Trusts nobody: whoever calls it reads the result again and compares. Nothing is
// returned where the text is not written in a way that lines can be taken out or put in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/inject/edits.hpp"

namespace outrigger::inject {

// `root` is what `text` was read to.
std::optional<std::string> splice(std::string_view text, const config::Node& root,
                                  const std::vector<Cut>& cuts);
std::optional<std::string> splice(std::string_view text, const config::Node& root,
                                  const std::vector<Addition>& additions);

}  // namespace outrigger::inject
