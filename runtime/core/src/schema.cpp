#include <parley/core/schema.hpp>

#define VALIJSON_USE_EXCEPTIONS 1  // otherwise a wrong schema ends the process
// valijson is included here and nowhere else: it costs seconds to compile.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop

namespace parley {

constexpr std::size_t violations_max = 20;

namespace {

// valijson names the way to a value as {"<root>", "[server]", "[port]"}.
std::string to_pointer(const std::vector<std::string>& context) {
    std::string pointer;
    for (const auto& step : context) {
        if (step.size() < 2 || step.front() != '[') continue;
        pointer += '/';
        pointer.append(step, 1, step.size() - 2);
    }
    return pointer;
}

}  // namespace

struct Schema::Compiled {
    valijson::Schema schema;
};

Schema::Schema(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

std::string_view schema_type(const json::object& schema) {
    const auto* type = schema.if_contains("type");
    if (type != nullptr && type->is_array() && !type->get_array().empty())
        type = &type->get_array().front();
    return type != nullptr && type->is_string() ? std::string_view(type->get_string())
                                                : std::string_view();
}

Checked<Schema> Schema::compile(const json::value& schema) {
    auto compiled = std::make_unique<Compiled>();
    try {
        valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
        const valijson::adapters::BoostJsonAdapter adapter(schema);
        parser.populateSchema(adapter, compiled->schema);
    } catch (const std::exception& error) {
        return Fault{"", std::string("the JSON Schema itself is wrong: ") + error.what()};
    }
    return Schema(std::move(compiled));
}

std::vector<Schema::Violation> Schema::check(const json::value& document) const {
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    valijson::ValidationResults results;
    const valijson::adapters::BoostJsonAdapter adapter(document);
    std::vector<Violation> violations;
    if (validator.validate(compiled_->schema, adapter, &results)) return violations;
    valijson::ValidationResults::Error error;
    while (violations.size() < violations_max && results.popError(error)) {
        violations.push_back({to_pointer(error.context), error.description});
    }
    return violations;
}

}  // namespace parley
