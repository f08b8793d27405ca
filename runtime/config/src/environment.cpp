#include "environment.hpp"

#include "document.hpp"

#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::config {
namespace {

// Shorter ones ("test", "1234") would blot out ordinary words.
constexpr std::size_t secret_bytes_redacted_min = 6;
constexpr std::size_t secret_bytes_hinted_min = 12;  // the last four of fewer give too much away
constexpr std::size_t env_faults_max = 50;

bool is_name(std::string_view name) {
    const auto is_letter = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    };
    return !name.empty() && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// A Fault could be made of a string too, so that result<> does not choose by itself.
Checked<std::string> good(std::string text) {
    return {boost::system::in_place_value, std::move(text)};
}

// The value after `KEY=`, or what is wrong with it. Never quotes the value: it may be a secret.
Checked<std::string> env_value(std::string_view text) {
    text = trim(text);
    if (text.empty()) return good("");
    const char quote = text.front();
    if (quote != '"' && quote != '\'') {
        // A # begins a comment only after a space: passwords and URLs hold them too.
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (text[at] == '#' && (at == 0 || text[at - 1] == ' ' || text[at - 1] == '\t')) {
                return good(std::string(trim(text.substr(0, at))));
            }
        }
        return good(std::string(text));
    }
    std::string value;
    std::size_t at = 1;
    for (; at < text.size() && text[at] != quote; ++at) {
        if (quote == '"' && text[at] == '\\' && at + 1 < text.size()) {
            const char escaped = text[++at];
            switch (escaped) {
                case 'n': value += '\n'; break;
                case 'r': value += '\r'; break;
                case 't': value += '\t'; break;
                case '"':
                case '\\':
                case '$': value += escaped; break;
                default: value += '\\', value += escaped;
            }
        } else {
            value += text[at];
        }
    }
    if (at == text.size())
        return Fault{"", "the quote is not closed", "end the value with the quote it begins with"};
    const auto rest = trim(text.substr(at + 1));
    if (!rest.empty() && rest.front() != '#') {
        return Fault{"", "something follows the closing quote",
                     "quote the whole value, or put a # before a comment"};
    }
    return good(std::move(value));
}

}  // namespace

void Secrets::add(std::string_view value) {
    value = trim(value);
    if (value.size() >= secret_bytes_redacted_min) values_.emplace(value);
}

std::string Secrets::redacted(std::string text) const {
    for (const auto& secret : values_) {
        for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
            text.replace(at, secret.size(), "***");
        }
    }
    return text;
}

bool names_secret(std::string_view name) {
    const std::string word = lower(name);
    for (const std::string_view hint :
         {"token", "secret", "password", "passwd", "credential", "apikey", "api_key"}) {
        if (word.find(hint) != std::string::npos) return true;
    }
    return word == "key" || word.ends_with("_key");
}

std::string masked(std::string_view secret) {
    if (secret.empty()) return "not set";
    if (secret.size() < secret_bytes_hinted_min) return "set";
    return "set (…" + std::string(secret.substr(secret.size() - 4)) + ")";
}

std::vector<Fault> Environment::read_env_file(std::string_view text, const std::string& name) {
    file_ = name;
    std::vector<Fault> faults;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::size_t number = 0;
    for (auto line : split(text, '\n')) {
        ++number;
        const auto refuse = [&](Fault fault) {
            fault.where = name + ":" + std::to_string(number);
            if (faults.size() < env_faults_max) faults.push_back(std::move(fault));
        };
        line = trim(line);
        if (line.empty() || line.front() == '#') continue;
        if (!is_valid_utf8(line) || line.find('\0') != std::string_view::npos) {
            refuse({"", "not valid UTF-8 text", "save the file as UTF-8"});
            continue;
        }
        if (line.starts_with("export ") || line.starts_with("export\t"))
            line = trim(line.substr(7));
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) {
            refuse({"", "expected NAME=value", "put a # before a comment"});
            continue;
        }
        const auto key = trim(line.substr(0, equals));
        if (!is_name(key)) {
            refuse({"", "expected NAME=value with a name of letters, digits and _"});
            continue;
        }
        auto value = env_value(line.substr(equals + 1));
        if (!value) {
            auto fault = value.error();
            fault.what = std::string(key) + ": " + fault.what;
            refuse(std::move(fault));
            continue;
        }
        from_file_.insert_or_assign(std::string(key), Line{std::move(*value), number});
    }
    return faults;
}

std::optional<Environment::Variable> Environment::find(std::string_view name) const {
    const std::string key(name);
    if (const auto own = own_.find(key); own != own_.end() && !trim(own->second).empty()) {
        return Variable{std::string(trim(own->second)), "environment " + key, "environment " + key};
    }
    if (const auto line = from_file_.find(name);
        line != from_file_.end() && !trim(line->second.value).empty()) {
        return Variable{std::string(trim(line->second.value)), file_ + " " + key,
                        file_ + ":" + std::to_string(line->second.number) + ": " + key};
    }
    return std::nullopt;
}

Checked<std::string> Environment::substitute(std::string_view text, Secrets& secrets) const {
    std::string out;
    while (true) {
        const auto dollar = text.find('$');
        out += text.substr(0, dollar);
        if (dollar == std::string_view::npos) return good(std::move(out));
        text.remove_prefix(dollar + 1);
        if (text.starts_with('$')) {
            out += '$';
            text.remove_prefix(1);
            continue;
        }
        if (!text.starts_with('{')) {
            out += '$';
            continue;
        }
        const auto close = text.find('}');
        if (close == std::string_view::npos) {
            return Fault{"", "${ is not closed", "write ${NAME}, or $$ for a dollar"};
        }
        const auto inside = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        const auto colon = inside.find(":-");
        const auto name = inside.substr(0, colon);
        if (!is_name(name)) {
            return Fault{
                "", "expected ${NAME} or ${NAME:-default}, found " + shown(json::string(inside)),
                "write $$ for a dollar"};
        }
        if (const auto variable = find(name)) {
            if (!is_valid_utf8(variable->value)) {
                return Fault{
                    "", "the environment variable " + std::string(name) + " is not valid UTF-8"};
            }
            if (names_secret(name)) secrets.add(variable->value);
            out += variable->value;
        } else if (colon != std::string_view::npos) {
            out += inside.substr(colon + 2);
        } else {
            return Fault{"", "the environment variable " + std::string(name) + " is not set",
                         "set it, or give a default: ${" + std::string(name) + ":-…}"};
        }
    }
}

}  // namespace parley::config
