#pragma once
// Maps of which one key is written, such as how calls are balanced: another one does not come
// beside it but replaces it, where layers merge and where a patch is put over another. Pure.

#include <string_view>

namespace outrigger::config {

constexpr bool is_choice(std::string_view key) { return key == "balance"; }

}  // namespace outrigger::config
