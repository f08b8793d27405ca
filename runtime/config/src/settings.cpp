#include <parley/config/settings.hpp>

#include "explained.hpp"
#include "fill.hpp"
#include "inspect.hpp"
#include "overrides.hpp"
#include "read_file.hpp"
#include "yaml_values.hpp"

#include <parley/core/log.hpp>

#include <filesystem>

#include <unistd.h>

namespace parley::config {
namespace {

using Loaded = boost::system::result<Settings, std::vector<Fault>>;

constexpr std::string_view schema_file_name = "parley.schema.json";

struct Source {
    std::string name;
    std::string text;
};

// Whatever way a secret takes into a log line, it is not seen there.
void hide_from_log(const Settings& settings) {
    log::hide(settings.openai.api_key.reveal());
    log::hide(settings.twilio.auth_token.reveal());
    log::hide(settings.twilio.api_secret.reveal());
    log::hide(settings.redis.password.reveal());
    log::hide(settings.speech.openai_api_key.reveal());
    log::hide(settings.speech.elevenlabs_api_key.reveal());
    for (const auto& [name, webhook] : settings.webhooks) log::hide(webhook.secret.reveal());
    for (const auto& [name, secret] : settings.scripts.secrets) log::hide(secret.value.reveal());
}

void append(std::vector<Fault>& to, std::vector<Fault> more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// One load, from texts to Settings, in the order of the steps below.
class Load {
 public:
    explicit Load(const LoadOptions& options)
        : options_(options), environment_(options.environment) {}

    Loaded run(std::vector<Source> sources) {
        if (!read_schema()) return failed();
        read_env_file();
        read_overlays(sources);
        for (const auto& source : sources) lay_on_top(source);
        // A file that cannot be read at all is missing from the whole: what else seems missing may
        // be in it.
        if (is_incomplete_) return failed();

        append(faults_, apply_environment(document_, schema_, environment_));
        append(faults_, apply_flags(document_, schema_, options_.flags));
        collect_secrets(document_, schema_, secrets_);
        append(faults_, inspect(document_, schema_, broken_, secrets_));
        append(faults_, check_routes(document_));
        append(faults_, check_paths(document_));
        append(faults_, check_masks(document_));
        if (faults_.empty())
            append(faults_, check_by_schema(document_, json::value(schema_), schema_file_));
        if (!faults_.empty()) return failed();
        return finished();
    }

    Loaded run_file() {
        auto text = text_of(options_.file, "create it, or name another file");
        if (!text) {
            faults_.push_back(text.error());
            is_incomplete_ = true;
        }
        std::vector<Source> sources;
        if (text) sources.push_back({options_.file, std::move(*text)});
        return run(std::move(sources));
    }

 private:
    Checked<std::string> text_of(const std::string& path, const std::string& remedy) const {
        const auto known = options_.texts.find(path);
        if (known == options_.texts.end()) return read_file(path, remedy);
        return {boost::system::in_place_value, known->second};
    }

    bool read_schema() {
        schema_file_ = (std::filesystem::path(options_.schema_dir) / schema_file_name).string();
        const std::string remedy = "restore the file that came with this version";
        const auto text = read_file(schema_file_, remedy);
        if (!text) {
            faults_.push_back(text.error());
            return false;
        }
        auto parsed = json_read::parse(*text, 64);
        if (!parsed || !parsed->is_object()) {
            faults_.push_back({schema_file_, "is not a JSON object", remedy});
            return false;
        }
        schema_ = std::move(parsed->get_object());
        return true;
    }

    void read_env_file() {
        std::error_code ignored;
        if (options_.env_file.empty()) return;
        if (!options_.texts.contains(options_.env_file) &&
            !std::filesystem::exists(options_.env_file, ignored))
            return;
        const auto text = text_of(options_.env_file, "make it readable, or remove it");
        if (!text) {
            faults_.push_back(text.error());
            return;
        }
        append(faults_, environment_.read_env_file(*text, options_.env_file));
    }

    void read_overlays(std::vector<Source>& sources) {
        for (const auto& overlay : options_.overlays) {
            auto text = text_of(overlay, "create it, or name another file");
            if (text) {
                sources.push_back({overlay, std::move(*text)});
            } else {
                faults_.push_back(text.error());
                is_incomplete_ = true;
            }
        }
    }

    void lay_on_top(const Source& source) {
        const auto tree = parse_yaml(source.text, source.name);
        if (!tree) {
            faults_.push_back(tree.error());
            is_incomplete_ = true;
            return;
        }
        auto reading = read_values(*tree, source.name, schema_, environment_, secrets_);
        append(faults_, std::move(reading.faults));
        if (reading.broken.contains("")) is_incomplete_ = true;
        document_.merge(std::move(reading.document));
        broken_.merge(reading.broken);
    }

    Loaded failed() {
        for (auto& fault : faults_) {
            fault.where = secrets_.redacted(std::move(fault.where));
            fault.what = secrets_.redacted(std::move(fault.what));
            fault.remedy = secrets_.redacted(std::move(fault.remedy));
        }
        return std::move(faults_);
    }

    Loaded finished() {
        auto warnings = settle(document_);
        Settings settings = fill(document_);
        for (auto& warning : check_caps(document_, settings))
            warnings.push_back(std::move(warning));
        for (auto& warning : warnings)
            settings.warnings.push_back(secrets_.redacted(std::move(warning)));
        resolve_agents(document_, settings);
        hide_from_log(settings);
        settings.explained = explain_all(document_, schema_, secrets_);
        return settings;
    }

    const LoadOptions& options_;
    Environment environment_;
    Secrets secrets_;
    std::string schema_file_;
    json::object schema_;
    Document document_;
    std::vector<Fault> faults_;
    std::set<std::string, std::less<>> broken_;
    bool is_incomplete_ = false;
};

}  // namespace

TurnTaking TurnTaking::over(const TurnTaking& base) const {
    TurnTaking all = *this;
    if (all.type.empty()) all.type = base.type;
    if (!all.threshold) all.threshold = base.threshold;
    if (!all.prefix_padding_ms) all.prefix_padding_ms = base.prefix_padding_ms;
    if (!all.silence_ms) all.silence_ms = base.silence_ms;
    if (all.eagerness.empty()) all.eagerness = base.eagerness;
    if (!all.interruptions) all.interruptions = base.interruptions;
    if (!all.silence_before_prompt) all.silence_before_prompt = base.silence_before_prompt;
    return all;
}

const AgentSettings* Settings::agent_for(std::string_view called_number) const {
    auto route = numbers.find(std::string(called_number));
    if (route == numbers.end()) route = numbers.find("default");
    if (route == numbers.end()) return nullptr;
    const auto agent = agents.find(route->second);
    return agent == agents.end() ? nullptr : &agent->second;
}

Loaded load(const LoadOptions& options) { return Load(options).run_file(); }

Loaded load_text(std::string_view yaml, const std::string& name, const LoadOptions& options) {
    return Load(options).run({{name, std::string(yaml)}});
}

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view line = *entry;
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0) continue;
        variables.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return variables;
}

}  // namespace parley::config

namespace parley {

void throw_exception_from_error(const std::vector<Fault>& faults, const boost::source_location&) {
    std::string text;
    for (const auto& fault : faults) text += (text.empty() ? "" : "\n") + fault.text();
    throw std::runtime_error(text);
}

}  // namespace parley
