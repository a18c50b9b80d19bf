// Messages of an event stream (HTML section 9.2.6) from bytes that come in any pieces. Knows the
// fields `event` and `data`, a line each, as the sidecar writes them. One thread.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::ctl {

class EventLines {
 public:
  // Calls on_message(event, data) for each message that is complete now.
  template <class OnMessage>
  void feed(std::string_view bytes, OnMessage on_message) {
    x_rest += bytes;
    size_t begin = 0;
    for (size_t end; (end = x_rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      take(std::string_view(x_rest).substr(begin, end - begin), on_message);
    }
    x_rest.erase(0, begin);
  }

 private:
  template <class OnMessage>
  void take(std::string_view line, OnMessage on_message) {
    constexpr std::string_view kEvent = "event: ";
    constexpr std::string_view kData = "data: ";
    if (line.starts_with(kEvent)) x_event = line.substr(kEvent.size());
    if (line.starts_with(kData)) x_data = line.substr(kData.size());
    if (!line.empty()) return;
    if (!x_data.empty()) on_message(std::string_view(x_event), std::string_view(x_data));
    x_event.clear();
    x_data.clear();
  }

  std::string x_rest;
  std::string x_event;
  std::string x_data;
};

}  // namespace outrigger::ctl
