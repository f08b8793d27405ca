#include "support.hpp"

#include <parley/ops/pages.hpp>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace parley::ops::test {
namespace {

namespace fs = std::filesystem;

class Everyone final : public Guard {
 public:
    std::variant<Who, net::Response> admit(const net::Request&, Access) override {
        return Who{"someone", Access::viewer, {}};
    }
};

class ThePages : public testing::Test {
 protected:
    ThePages() : folder(fs::temp_directory_path() / ("parley-pages-" + std::to_string(getpid()))) {
        fs::create_directories(folder / "sub");
        write("index.html", "<!doctype html>");
        write("login.html",
              R"(<link href="/dashboard/style.css"><script src="/dashboard/none.js">)");
        write("style.css", "body {}");
        write("sub/part.mjs", "export {}");
    }
    ~ThePages() override { fs::remove_all(folder); }
    void write(const std::string& name, const std::string& text) {
        std::ofstream(folder / name) << text;
    }

    fs::path folder;
    Everyone guard;
    Routes routes{guard};
};

TEST_F(ThePages, AreServedWithTheirTypesAndOurPolicy) {
    write("chart.source", "chart");
    const auto pages =
        Pages::load(folder, {{"chart.js", folder / "chart.source"}, {"gone.js", folder / "gone"}});
    ASSERT_TRUE(pages) << pages.error().text();
    pages->add_to(routes);
    const auto get = [&](const std::string& path, const std::string& etag = "") {
        auto asked = request("GET", path);
        if (!etag.empty()) asked.headers.set("If-None-Match", etag);
        return run(routes.answer(std::move(asked)));
    };
    EXPECT_EQ(get("/dashboard").body, "<!doctype html>");
    EXPECT_EQ(get("/dashboard/").content_type, "text/html; charset=utf-8");
    EXPECT_EQ(get("/dashboard/sub/part.mjs").content_type, "text/javascript; charset=utf-8");
    EXPECT_EQ(get("/dashboard/chart.js").body, "chart");
    EXPECT_EQ(get("/dashboard/gone.js").status, 404);
    EXPECT_EQ(get("/dashboard/../secret").status, 404);
    EXPECT_EQ(get("/dashboard/%2e%2e/secret").status, 404);
    const auto style = get("/dashboard/style.css");
    EXPECT_THAT(header_of(style, "Content-Security-Policy"), HasSubstr("script-src 'self'"));
    EXPECT_EQ(header_of(style, "Cache-Control"), "private, no-cache");
    EXPECT_EQ(get("/dashboard/style.css", header_of(style, "ETag")).status, 304);
    EXPECT_EQ(get("/dashboard/style.css", "\"other\"").status, 200);
}

TEST_F(ThePages, AreForThoseWhoMayLookButForWhatTheLoginNeeds) {
    const auto pages = Pages::load(folder);
    pages->add_to(routes);
    std::map<std::string, Access> access;
    for (const auto& route : routes.all()) access[route.path] = route.access;
    EXPECT_EQ(access, (std::map<std::string, Access>{{"/dashboard", Access::viewer},
                                                     {"/dashboard/*", Access::viewer},
                                                     {"/dashboard/style.css", Access::open}}));
}

TEST_F(ThePages, MustBeThereAndNotTooMany) {
    EXPECT_THAT(Pages::load(folder / "nowhere").error().text(), HasSubstr("is not there"));
    EXPECT_FALSE(Pages::load(folder, {}, {.files_max = 2}));
    EXPECT_FALSE(Pages::load(folder, {}, {.bytes_max = 10}));
}

}  // namespace
}  // namespace parley::ops::test
