// One request to the admin API, taken apart: method, decoded path segments and query, fields, body.
// A plain value that lives for the call; views point into the exchange's arena. Control thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/result.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::admin {

// Who asks, as events name them.
struct Actor {
  std::string name;
  config::Role role = config::Role::kOperator;
};

struct Request {
  http::Method method = http::Method::kGet;
  std::vector<std::string> segments;  // percent-decoded: {"api", "v1", "circuits", "orders"}
  std::map<std::string, std::string, std::less<>> query;
  const http::Fields* fields = nullptr;
  std::string body;
  Actor actor;
  std::map<std::string, std::string, std::less<>> path;  // what the template's braces matched

  std::string_view field(http::Name name) const { return fields->value(name); }
  std::string_view field(std::string_view name) const {
    const http::Field* found = fields->find(name);
    return found == nullptr ? std::string_view() : found->value;
  }
  // Empty when it is not there.
  std::string_view parameter(std::string_view name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string_view() : std::string_view(found->second);
  }
  std::string_view part(std::string_view name) const {
    const auto found = path.find(name);
    return found == path.end() ? std::string_view() : std::string_view(found->second);
  }
};

// The failure is a sentence: a bad escape, a control character, a parameter given twice.
Result<Request> parse_request(const http::RequestHead& head);

// Whether a media type is in a comma-separated list with a quality above 0 (RFC 9110 section
// 12.5.1); wildcards do not count.
bool accepts(std::string_view accept, std::string_view media_type);
// Without parameters, lower case.
std::string media_type_of(std::string_view content_type);

}  // namespace outrigger::admin
