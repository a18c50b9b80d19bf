#include "proxy/app/completion.hpp"

#include <algorithm>
#include <vector>

#include <CLI/CLI.hpp>

namespace outrigger::app {
namespace {

struct Word {
  std::string text;  // a command, or an option with its dashes
  std::string what;
  bool is_command = false;
};

// A command and what may follow it.
struct Place {
  std::string path;  // " ctl cache"; empty: behind the program's name
  std::vector<Word> words;
};

// Its first sentence, for one line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void add_options(const CLI::App& app, std::vector<Word>& words) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words.push_back({"--" + name, first_line(option->get_description())});
    }
    for (const std::string& name : option->get_snames()) {
      words.push_back({"-" + name, first_line(option->get_description())});
    }
  }
}

// Options of a command count behind the commands below it too, where it says so.
void add_places(const CLI::App& app, const std::string& path, std::vector<Word> inherited,
                std::vector<Place>& places) {
  Place place{path, {}};
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) {
    place.words.push_back({command->get_name(), first_line(command->get_description()), true});
  }
  const auto own_begin = static_cast<std::ptrdiff_t>(place.words.size());
  add_options(app, place.words);
  const std::vector<Word> own(place.words.begin() + own_begin, place.words.end());
  for (const Word& word : inherited) {
    const auto same = [&](const Word& other) { return other.text == word.text; };
    if (std::ranges::none_of(place.words, same)) place.words.push_back(word);
  }
  places.push_back(std::move(place));
  if (!app.get_fallthrough()) inherited.clear();
  if (app.get_fallthrough()) inherited.insert(inherited.end(), own.begin(), own.end());
  for (const CLI::App* command : commands) {
    add_places(*command, path + " " + command->get_name(), inherited, places);
  }
}

// In single quotes, which these shells agree on.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// "' ctl'|' ctl status'": what makes the path one word longer.
std::string paths_of(const std::vector<Place>& places) {
  std::string paths;
  for (const Place& place : places) {
    if (place.path.empty()) continue;
    if (!paths.empty()) paths += '|';
    paths += in_quotes(place.path);
  }
  return paths;
}

std::string bash_script(const std::vector<Place>& places) {
  std::string out =
      "_outrigger() {\n"
      "  local at='' words='' i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$at ${COMP_WORDS[i]}\" in\n"
      "      " +
      paths_of(places) +
      ") at+=\" ${COMP_WORDS[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case $at in\n";
  for (const Place& place : places) {
    out += "    " + in_quotes(place.path) + ") words='";
    for (const Word& word : place.words) out += word.text + " ";
    out.back() = '\'';
    out += " ;;\n";
  }
  return out +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _outrigger outrigger\n";
}

// A colon ends the word that is described.
std::string zsh_script(const std::vector<Place>& places) {
  std::string out =
      "#compdef outrigger\n"
      "_outrigger() {\n"
      "  local at='' i\n"
      "  local -a found\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$at $words[i]\" in\n"
      "      (" +
      paths_of(places) +
      ") at+=\" $words[i]\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case $at in\n";
  for (const Place& place : places) {
    out += "    (" + in_quotes(place.path) + ") found=(";
    for (const Word& word : place.words) out += in_quotes(word.text + ":" + word.what) + " ";
    out.back() = ')';
    out += " ;;\n";
  }
  return out +
         "  esac\n"
         "  _describe outrigger found || _files\n"
         "}\n"
         "compdef _outrigger outrigger\n";
}

// Where the words of a path were seen, and none of those that would make it longer.
std::string fish_condition(const Place& place) {
  std::string condition;
  std::string path = place.path;
  while (!path.empty()) {
    const size_t blank = path.rfind(' ');
    std::string seen = "__fish_seen_subcommand_from ";
    seen.append(path, blank + 1);
    if (!condition.empty()) seen.append("; and ").append(condition);
    condition = std::move(seen);
    path.resize(blank);
  }
  std::string longer;
  for (const Word& word : place.words) {
    if (word.is_command) longer += " " + word.text;
  }
  if (longer.empty()) return condition;
  if (!condition.empty()) condition += "; and ";
  return condition + "not __fish_seen_subcommand_from" + longer;
}

std::string fish_script(const std::vector<Place>& places) {
  std::string out;
  for (const Place& place : places) {
    const std::string condition = in_quotes(fish_condition(place));
    for (const Word& word : place.words) {
      out += "complete -c outrigger -n " + condition;
      if (word.is_command) {
        out += " -f -a " + word.text;
      } else if (word.text.starts_with("--")) {
        out += " -l " + word.text.substr(2);
      } else {
        out += " -s " + word.text.substr(1);
      }
      out += " -d " + in_quotes(word.what) + "\n";
    }
  }
  return out;
}

}  // namespace

std::string completion(const CLI::App& cli, std::string_view shell) {
  std::vector<Place> places;
  add_places(cli, "", {}, places);
  if (shell == "bash") return bash_script(places);
  return shell == "zsh" ? zsh_script(places) : fish_script(places);
}

}  // namespace outrigger::app
