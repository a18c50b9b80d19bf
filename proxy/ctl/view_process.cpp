// The process as a whole: what runs, how it stands to the files, what is going on.
#include <cmath>

#include <nlohmann/json.hpp>

#include "config/text.hpp"
#include "proxy/ctl/understood.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string short_hash(const std::string& hash) {
  constexpr size_t kShown = 8;
  return hash.substr(0, kShown);
}

std::string mebibytes(int64_t bytes) {
  constexpr int64_t kMib = 1 << 20;
  return std::to_string(bytes / kMib) + " MiB";
}

std::string line(const char* name, const std::string& text, Tone tone, const Look& look) {
  std::string padded(name);
  padded.resize(11, ' ');
  return padded + painted(harmless(text), tone, look.colour) + "\n";
}

std::string since(const Json& object, const char* key, const Look& look) {
  const auto at_ms = wall_ms_of(text_at(object, key));
  return at_ms ? "since " + clock_time(*at_ms, look.now_ms) + " (" +
                     short_time(look.now_ms - *at_ms) + ")"
               : std::string();
}

std::string mistake_text(const Json& mistake) {
  std::string place = text_at(mistake, "file");
  if (mistake.contains("line")) {
    place += ":" + text_at(mistake, "line") + ":" + text_at(mistake, "column");
  }
  return place.empty() ? text_at(mistake, "detail") : place + ": " + text_at(mistake, "detail");
}

std::string config_lines(const Json& state, const Look& look) {
  const Json& running = state.at("running");
  std::string runs = short_hash(text_at(running, "hash")) + ", " + since(running, "since", look);
  if (state.contains("last_good")) runs += ", kept by an earlier process";
  std::string out = line("config", runs, Tone::kPlain, look);
  const Json& errors = state.at("errors");
  if (!errors.empty()) {
    out += line("",
                "refused " + since(state, "differs_since", look) + ": the file " +
                    short_hash(text_at(state.at("file"), "hash")) + " has " +
                    std::to_string(errors.size()) + (errors.size() == 1 ? " mistake" : " mistakes"),
                Tone::kBad, look);
    for (const Json& error : errors) out += line("", mistake_text(error), Tone::kBad, look);
  }
  for (const Json& key : state.at("awaits_restart")) {
    out += line("", value_text(key) + " is not in force before a restart", Tone::kWarning, look);
  }
  return out;
}

// "ready", or why it is not.
std::string health_text(const Json& health) {
  for (const char* state : {"live", "started", "ready"}) {
    std::string problem = text_at(health, state);
    if (!problem.empty()) return problem;
  }
  return "ready";
}

// To hundredths.
std::string number(const Json& value, const char* unit) {
  constexpr double kParts = 100;
  if (value.is_null()) return "";
  return config::format_number(std::round(value.get<double>() * kParts) / kParts) + unit;
}

}  // namespace

Text status_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& status) {
    const std::string health = health_text(status.at("health"));
    std::string out =
        "outrigger " + text_at(status, "version") + "  " +
        painted(health, health == "ready" ? Tone::kGood : Tone::kWarning, look.colour) + "  up " +
        short_time(status.at("uptime_ms").get<int64_t>()) + "\n";
    out += config_lines(status.at("config"), look);
    const Json& overrides = status.at("overrides");
    std::string differs = text_at(overrides, "count");
    if (const auto end_ms = wall_ms_of(text_at(overrides, "next_end"))) {
      differs += ", the next ends in " + short_time(*end_ms - look.now_ms);
    }
    out += line("overrides", differs, differs == "0" ? Tone::kPlain : Tone::kWarning, look);
    const Json& memory = status.at("memory");
    const auto limit = memory.at("limit_bytes").get<int64_t>();
    out += line("memory",
                mebibytes(memory.at("used_bytes").get<int64_t>()) +
                    (limit > 0 ? " of " + mebibytes(limit) : ""),
                Tone::kPlain, look);
    out += line("log", text_at(status, "log_level"), Tone::kPlain, look);
    const Json& services = status.at("services");
    const Json& troubled = services.at("troubled");
    out +=
        line("services",
             text_at(services, "total") + ", " +
                 (troubled.empty() ? "all well" : std::to_string(troubled.size()) + " in trouble"),
             troubled.empty() ? Tone::kGood : Tone::kBad, look);
    if (troubled.empty()) return out;
    const Text table = services_view(Json{{"services", troubled}}.dump(), look);
    return out + "\n" + (table ? *table : table.error() + "\n");
  });
}

Text unmatched_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    Table table({"AUTHORITY", "CALLS", "LAST", "NEAREST SERVICE"});
    for (const Json& host : answer.at("unmatched")) {
      const auto last_ms = wall_ms_of(text_at(host, "last"));
      table.add({text_at(host, "authority"), text_at(host, "count"),
                 last_ms ? short_time(look.now_ms - *last_ms) + " ago" : "",
                 text_at(host, "nearest")});
    }
    return table.empty() ? std::string("every host was that of a service\n")
                         : table.text(look.colour);
  });
}

Text registrations_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    Table table({"REGISTRY", "NAME", "ADDRESS", "STATE", "SAID"});
    for (const Json& entry : answer.at("registrations")) {
      const std::string state = text_at(entry, "state");
      table.add({text_at(entry, "registry"),
                 text_at(entry, "name"),
                 text_at(entry, "address"),
                 {state, state == "registered" ? Tone::kGood : Tone::kWarning},
                 text_at(entry, "said")});
    }
    return table.empty() ? std::string("the file registers nothing\n") : table.text(look.colour);
  });
}

Text difference_view(std::string_view state, std::string_view overrides, const Look& look) {
  return understood<Json>(state, [&](const Json& config) {
    const Text table = overrides_view(overrides, look);
    return config_lines(config, look) + "\n" + (table ? *table : table.error() + "\n");
  });
}

Text live_view(std::string_view message, const Look& look) {
  return understood<Json>(message, [&](const Json& live) {
    Table table({"SERVICE", "CIRCUIT", "RATE", "FAILED", "P50", "P99", "OUTSTANDING"});
    for (const Json& service : live.at("services")) {
      const std::string circuit = text_at(service, "circuit");
      table.add({name_of(service),
                 {circuit, circuit.empty() ? Tone::kPlain : tone_of(circuit)},
                 number(service.at("rate"), "/s"),
                 percent(service.at("failed").get<double>()),
                 number(service.at("p50_ms"), "ms"),
                 number(service.at("p99_ms"), "ms"),
                 text_at(service, "outstanding")});
    }
    return table.empty() ? std::string("no service was called\n") : table.text(look.colour);
  });
}

Text reload_view(std::string_view body, int64_t took_ms, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    if (answer.contains("reloading")) {
      return std::string(
          "the files are not read yet; `outrigger ctl events` tells what came of it\n");
    }
    std::string out = short_hash(text_at(answer, "before")) + " -> " +
                      short_hash(text_at(answer, "after")) + " in " + std::to_string(took_ms) +
                      " ms: ";
    const Json& changed = answer.at("changed");
    const auto names = [&](const char* key, const char* word) {
      std::string list;
      for (const Json& name : answer.at(key)) list += ", " + value_text(name);
      return list.empty() ? list : list.substr(2) + " " + word + ", ";
    };
    out += names("added", "added") + names("removed", "removed");
    out += std::to_string(changed.size()) +
           (changed.size() == 1 ? " service changed, " : " services changed, ") +
           text_at(answer, "untouched") + " untouched\n";
    for (const Json& service : changed) {
      for (const Json& key : service.at("keys")) {
        const std::string route = text_at(key, "route");
        out += harmless("  " + text_at(service, "service") + (route.empty() ? "" : "/" + route) +
                        "  " + text_at(key, "key") + "  " + value_text(key.at("before")) + " -> " +
                        value_text(key.at("after"))) +
               "\n";
      }
    }
    for (const Json& key : answer.at("awaits_restart")) {
      out += painted(value_text(key) + " is not in force before a restart\n", Tone::kWarning,
                     look.colour);
    }
    return out;
  });
}

}  // namespace outrigger::ctl
