#include "admin/answer.hpp"

#include <array>

#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

// The phrase of RFC 9110; a problem without a type of its own is titled with it.
std::string_view title_of(int status) {
  constexpr auto kTitles = std::to_array<std::pair<int, std::string_view>>({
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {409, "Conflict"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {503, "Service Unavailable"},
  });
  for (const auto& [code, title] : kTitles) {
    if (code == status) return title;
  }
  return "Error";
}

}  // namespace

Answer json(std::string body) {
  Answer answer;
  answer.body = std::move(body);
  answer.body += '\n';
  return answer;
}

Answer text(std::string body, std::string content_type) {
  Answer answer;
  answer.body = std::move(body);
  answer.content_type = std::move(content_type);
  return answer;
}

Answer problem(int status, std::string_view detail, const std::vector<config::Problem>& errors) {
  Answer answer;
  answer.status = status;
  answer.content_type = "application/problem+json";
  std::string& body = answer.body;
  body = "{\"type\":\"about:blank\",\"title\":";
  append_json_string(body, title_of(status));
  body += ",\"status\":" + std::to_string(status) + ",\"detail\":";
  append_json_string(body, detail);
  if (!errors.empty()) {
    body += ",\"errors\":";
    append_errors(body, errors);
  }
  body += "}\n";
  return answer;
}

void append_errors(std::string& body, const std::vector<config::Problem>& errors) {
  body += '[';
  for (const config::Problem& error : errors) {
    if (body.back() == '}') body += ',';
    body += "{\"detail\":";
    append_json_string(body, error.what);
    body += ",\"path\":";
    append_json_string(body, error.path);
    if (!error.file.empty()) {
      body += ",\"file\":";
      append_json_string(body, error.file);
    }
    if (error.line > 0) {
      body +=
          ",\"line\":" + std::to_string(error.line) + ",\"column\":" + std::to_string(error.column);
    }
    body += '}';
  }
  body += ']';
}

}  // namespace outrigger::admin
