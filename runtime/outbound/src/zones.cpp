#include <parley/outbound/zones.hpp>

#include <array>

namespace parley::outbound {
namespace {

struct Country {
    std::string_view prefix;
    std::string_view zones;  // separated by spaces
};

// Calling codes of the ITU. Countries with islands far away have those zones too.
constexpr auto countries = std::to_array<Country>({
    {"+1", "America/St_Johns America/New_York America/Chicago America/Denver America/Los_Angeles"},
    {"+20", "Africa/Cairo"},
    {"+212", "Africa/Casablanca"},
    {"+213", "Africa/Algiers"},
    {"+216", "Africa/Tunis"},
    {"+221", "Africa/Dakar"},
    {"+225", "Africa/Abidjan"},
    {"+233", "Africa/Accra"},
    {"+234", "Africa/Lagos"},
    {"+237", "Africa/Douala"},
    {"+251", "Africa/Addis_Ababa"},
    {"+254", "Africa/Nairobi"},
    {"+255", "Africa/Dar_es_Salaam"},
    {"+256", "Africa/Kampala"},
    {"+260", "Africa/Lusaka"},
    {"+263", "Africa/Harare"},
    {"+27", "Africa/Johannesburg"},
    {"+30", "Europe/Athens"},
    {"+31", "Europe/Amsterdam"},
    {"+32", "Europe/Brussels"},
    {"+33", "Europe/Paris"},
    {"+34", "Europe/Madrid Atlantic/Canary"},
    {"+351", "Europe/Lisbon Atlantic/Azores"},
    {"+352", "Europe/Luxembourg"},
    {"+353", "Europe/Dublin"},
    {"+354", "Atlantic/Reykjavik"},
    {"+355", "Europe/Tirane"},
    {"+356", "Europe/Malta"},
    {"+357", "Asia/Nicosia"},
    {"+358", "Europe/Helsinki"},
    {"+359", "Europe/Sofia"},
    {"+36", "Europe/Budapest"},
    {"+370", "Europe/Vilnius"},
    {"+371", "Europe/Riga"},
    {"+372", "Europe/Tallinn"},
    {"+373", "Europe/Chisinau"},
    {"+380", "Europe/Kiev"},
    {"+381", "Europe/Belgrade"},
    {"+385", "Europe/Zagreb"},
    {"+386", "Europe/Ljubljana"},
    {"+387", "Europe/Sarajevo"},
    {"+389", "Europe/Skopje"},
    {"+39", "Europe/Rome"},
    {"+40", "Europe/Bucharest"},
    {"+41", "Europe/Zurich"},
    {"+420", "Europe/Prague"},
    {"+421", "Europe/Bratislava"},
    {"+423", "Europe/Vaduz"},
    {"+43", "Europe/Vienna"},
    {"+44", "Europe/London"},
    {"+45", "Europe/Copenhagen"},
    {"+46", "Europe/Stockholm"},
    {"+47", "Europe/Oslo"},
    {"+48", "Europe/Warsaw"},
    {"+49", "Europe/Berlin"},
    {"+51", "America/Lima"},
    {"+52", "America/Cancun America/Mexico_City America/Hermosillo America/Tijuana"},
    {"+53", "America/Havana"},
    {"+54", "America/Argentina/Buenos_Aires"},
    {"+55", "America/Noronha America/Sao_Paulo America/Manaus America/Rio_Branco"},
    {"+56", "America/Santiago America/Punta_Arenas"},
    {"+57", "America/Bogota"},
    {"+58", "America/Caracas"},
    {"+591", "America/La_Paz"},
    {"+593", "America/Guayaquil"},
    {"+595", "America/Asuncion"},
    {"+598", "America/Montevideo"},
    {"+502", "America/Guatemala"},
    {"+503", "America/El_Salvador"},
    {"+504", "America/Tegucigalpa"},
    {"+505", "America/Managua"},
    {"+506", "America/Costa_Rica"},
    {"+507", "America/Panama"},
    {"+60", "Asia/Kuala_Lumpur"},
    {"+61",
     "Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Darwin Australia/Perth"},
    {"+62", "Asia/Jakarta Asia/Makassar Asia/Jayapura"},
    {"+63", "Asia/Manila"},
    {"+64", "Pacific/Auckland"},
    {"+65", "Asia/Singapore"},
    {"+66", "Asia/Bangkok"},
    {"+7",
     "Europe/Kaliningrad Europe/Moscow Asia/Yekaterinburg Asia/Novosibirsk Asia/Irkutsk "
     "Asia/Vladivostok Asia/Kamchatka"},
    {"+81", "Asia/Tokyo"},
    {"+82", "Asia/Seoul"},
    {"+84", "Asia/Ho_Chi_Minh"},
    {"+852", "Asia/Hong_Kong"},
    {"+853", "Asia/Macau"},
    {"+855", "Asia/Phnom_Penh"},
    {"+86", "Asia/Shanghai"},
    {"+880", "Asia/Dhaka"},
    {"+886", "Asia/Taipei"},
    {"+90", "Europe/Istanbul"},
    {"+91", "Asia/Kolkata"},
    {"+92", "Asia/Karachi"},
    {"+94", "Asia/Colombo"},
    {"+95", "Asia/Yangon"},
    {"+961", "Asia/Beirut"},
    {"+962", "Asia/Amman"},
    {"+965", "Asia/Kuwait"},
    {"+966", "Asia/Riyadh"},
    {"+968", "Asia/Muscat"},
    {"+971", "Asia/Dubai"},
    {"+972", "Asia/Jerusalem"},
    {"+973", "Asia/Bahrain"},
    {"+974", "Asia/Qatar"},
    {"+977", "Asia/Kathmandu"},
    {"+994", "Asia/Baku"},
    {"+995", "Asia/Tbilisi"},
    {"+998", "Asia/Tashkent"},
});

// Area codes of the United States whose whole area has one zone. All others of +1 have every zone.
constexpr auto areas = std::to_array<Country>({
    {"203 475 860 959 202 771 302 239 305 321 324 352 386 407 561 645 656 689 727 754 772 786 813 "
     "863 904 941 954 229 404 470 478 678 706 762 770 912 943 260 317 463 765 606 859 339 351 413 "
     "508 617 774 781 857 978 227 240 301 410 443 667 207 231 248 269 313 517 586 616 679 734 810 "
     "947 989 252 336 472 704 743 828 910 919 980 984 603 201 551 609 640 732 848 856 862 908 973 "
     "212 315 329 332 347 363 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934 216 "
     "220 234 283 326 330 380 419 436 440 513 567 614 740 937 215 223 267 272 412 445 484 570 582 "
     "610 717 724 814 835 878 401 803 821 839 843 854 864 865 276 434 540 571 686 703 757 804 826 "
     "948 802 304 681",
     "America/New_York"},
    {"205 251 256 334 659 938 327 479 501 870 319 515 563 641 712 217 224 309 312 331 447 464 618 "
     "630 708 730 773 779 815 847 861 872 316 913 225 318 337 504 985 218 320 507 612 651 763 924 "
     "952 235 314 417 557 573 636 660 816 975 228 601 662 769 405 539 572 580 918 615 629 731 901 "
     "210 214 254 281 325 346 361 409 430 469 512 682 713 726 737 806 817 830 832 903 936 940 945 "
     "956 972 979 262 274 353 414 534 608 715 920 402 531",
     "America/Chicago"},
    {"303 719 720 970 983 505 575 385 435 801 307 406 915", "America/Denver"},
    {"480 520 602 623", "America/Phoenix"},
    {"209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 "
     "669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951 206 253 360 425 509 "
     "564 503 971 702 725",
     "America/Los_Angeles"},
    {"907", "America/Anchorage America/Adak"},
    {"808", "Pacific/Honolulu"},
    {"787 939", "America/Puerto_Rico"},
});

std::vector<std::string> listed(std::string_view zones) {
    std::vector<std::string> all;
    while (!zones.empty()) {
        const auto space = zones.find(' ');
        all.emplace_back(zones.substr(0, space));
        zones.remove_prefix(space == zones.npos ? zones.size() : space + 1);
    }
    return all;
}

}  // namespace

std::vector<std::string> zones_of(std::string_view number,
                                  const std::map<std::string, std::string>& own) {
    for (std::size_t length = number.size(); length > 1; --length) {
        const auto prefix = number.substr(0, length);
        if (const auto found = own.find(std::string(prefix)); found != own.end())
            return {found->second};
        if (length == 5 && prefix.starts_with("+1")) {
            for (const auto& area : areas) {
                if (area.prefix.find(prefix.substr(2)) != area.prefix.npos)
                    return listed(area.zones);
            }
        }
        for (const auto& country : countries) {
            if (country.prefix == prefix) return listed(country.zones);
        }
    }
    return {};
}

}  // namespace parley::outbound
