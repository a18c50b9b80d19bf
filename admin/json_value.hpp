// JSON values as operations build them, of whatever library the source includes: it is slow to
// compile, so no header does. Pure functions.
#pragma once

#include <string>

namespace outrigger::admin {

// Null where the text is empty.
template <class Json>
Json parsed(const std::string& text) {
  return text.empty() ? Json() : Json::parse(text, nullptr, false);
}

// What is not UTF-8 in it is replaced.
template <class Json>
std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace outrigger::admin
