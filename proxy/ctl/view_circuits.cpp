// Circuits, and the settings of a service.
#include <nlohmann/json.hpp>

#include "proxy/ctl/understood.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string next_probe(const Json& circuit) {
  const Json& ms = circuit.at("next_probe_ms");
  return ms.is_null() ? "" : "in " + short_time(ms.get<int64_t>());
}

// Of a forced one who did it and why; else what the machine last went by.
std::string why(const Json& circuit, const Look& look) {
  const auto entry = circuit.find("override");
  if (entry != circuit.end() && entry->is_object()) return why_of(*entry, look.now_ms);
  const std::string reason = text_at(circuit, "reason");
  return text_at(circuit, "state") == "closed" || reason == "none" ? "" : reason;
}

std::string failed(const Json& counts) {
  if (counts.at("total").get<int64_t>() == 0) return "";
  return percent(counts.at("failed_share").get<double>());
}

// One line a setting: "open_for  5s".
void append_settings(std::string& out, const Json& settings, const std::string& path) {
  for (const auto& [key, value] : settings.items()) {
    std::string at = path;
    if (!at.empty()) at += '.';
    at += key;
    if (value.is_object()) {
      append_settings(out, value, at);
    } else {
      out.append("  ").append(at).append(": ").append(harmless(value_text(value))).append("\n");
    }
  }
}

std::string line(const char* name, const std::string& text) {
  std::string padded(name);
  padded.resize(12, ' ');
  return text.empty() ? "" : padded + harmless(text) + "\n";
}

}  // namespace

Text circuits_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    std::vector<std::string> heads{"SERVICE", "STATE", "SINCE",     "WHY",
                                   "FAIL",    "CALLS", "NEXT PROBE"};
    if (look.wide) heads.insert(heads.end(), {"SLOW", "RUN", "REFUSED", "OPEN FOR"});
    Table table(heads);
    for (const Json& circuit : answer.at("circuits")) {
      const std::string state = text_at(circuit, "state");
      const Json& counts = circuit.at("counts");
      std::vector<Cell> row{name_of(circuit),
                            {state, tone_of(state)},
                            short_time(circuit.at("changed_ms_ago").get<int64_t>()),
                            why(circuit, look),
                            failed(counts),
                            text_at(counts, "total"),
                            next_probe(circuit)};
      if (look.wide) {
        row.emplace_back(text_at(counts, "slow"));
        row.emplace_back(text_at(circuit.at("run"), "failures"));
        row.emplace_back(text_at(circuit, "refused"));
        row.emplace_back(short_time(circuit.at("open_ms_total").get<int64_t>()));
      }
      table.add(std::move(row));
    }
    return table.empty() ? std::string("there is no service\n") : table.text(look.colour);
  });
}

Text circuit_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& circuit) {
    const std::string state = text_at(circuit, "state");
    const std::string machine = text_at(circuit, "machine");
    const Json& counts = circuit.at("counts");
    const Json& run = circuit.at("run");
    std::string out = harmless(name_of(circuit)) + "  " +
                      painted(state, tone_of(state), look.colour) + " for " +
                      short_time(circuit.at("changed_ms_ago").get<int64_t>()) + "\n";
    out += line("why", why(circuit, look));
    if (machine != state) out += line("below", machine);
    out += line("window", text_at(counts, "total") + " calls, " + text_at(counts, "failed") +
                              " failed, " + text_at(counts, "slow") + " slow");
    out += line("run", text_at(run, "failures") + " failures in " +
                           short_time(run.at("lasted_ms").get<int64_t>()));
    out += line("next probe", next_probe(circuit));
    out += line("refused", text_at(circuit, "refused"));
    const Json& settings = circuit.at("settings");
    if (!settings.is_object()) return out + line("settings", value_text(settings));
    out += "settings\n";
    append_settings(out, settings, "");
    return out;
  });
}

Text policy_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    Table table({"KEY", "FROM", "VALUE"});
    for (const auto& [key, origin] : answer.at("from").items()) {
      const std::string layer = text_at(origin, "layer");
      const std::string at = text_at(origin, "at");
      const bool is_changed = layer == "admin" || layer == "overrides_file";
      std::string from = is_changed ? layer + ": " + why_of(origin, look.now_ms) : layer;
      if (!at.empty()) from += " " + at;
      const Tone tone = is_changed ? Tone::kWarning : Tone::kPlain;
      table.add({key, {from, tone}, setting_text(answer.at("policy"), key)});
    }
    return table.text(look.colour);
  });
}

}  // namespace outrigger::ctl
