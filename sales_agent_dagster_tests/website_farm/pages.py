"""HTML of a firm's website, as contractors' sites are written."""

from __future__ import annotations

import json
from html import escape

from sales_agent_dagster_tests.website_farm.firms import Firm

MENU = (
    ("/", "Home"),
    ("/about-us", "About Us"),
    ("/team", "Meet the Team"),
    ("/services", "Services"),
    ("/contact", "Contact"),
    ("/blog/winter-tips", "Ten winter tips"),
    ("/privacy", "Privacy Policy"),
)
COOKIES = """<div id="cookie-banner" class="cookie-consent" role="dialog"><p>We use cookies to improve your
experience. By clicking Accept you agree to our use of cookies.</p>
<button>Accept all cookies</button></div>"""
_CSS = "body{margin:0}.hero{padding:4em}" * 40


def page(firm: Firm, title: str, body: str, *, head: str = "", before: str = "") -> str:
    menu = "".join(f'<li><a href="{path}">{text}</a></li>' for path, text in MENU)
    year = 2026
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<style>{_CSS}</style><script>window.dataLayer=[];var tel="+1 999 999 9999";</script>{head}</head>
<body>{before}<header><a href="/">{escape(firm.name)}</a><nav><ul>{menu}</ul></nav></header>
<main>{body}</main>
<footer><p>{escape(firm.name)} &middot; {escape(firm.street)}, {firm.city}, {firm.state} {firm.zip_code}</p>
<p>Call <a href="tel:{firm.phone}">{firm.shown_phone}</a></p>
<p><a href="{firm.linkedin}">LinkedIn</a> <a href="https://www.facebook.com/{firm.host[:9]}">Facebook</a></p>
<p>&copy; {year} {escape(firm.name)}. All rights reserved.</p></footer></body></html>"""


def home(firm: Firm, *, head: str = "", before: str = "") -> str:
    head += f'<meta name="description" content="{escape(firm.name)}: {firm.work} in {firm.city}.">'
    body = f"""<h1>{escape(firm.name)}</h1><p>{escape(firm.name)} does {firm.work} for homes and businesses in
    {firm.city} and nearby towns. We are an authorized dealer of {firm.brands[0]}.</p>
    <p>Ask for a free quote today.</p>"""
    return page(firm, f"{firm.name} | {firm.city}, {firm.state}", body, head=head, before=before)


def about(firm: Firm) -> str:
    body = f"""<h1>About us</h1><p>{escape(firm.name)} was founded in {firm.founded} and is family owned.</p>
    <p>We install and service {" and ".join(firm.brands)} equipment.</p>
    <blockquote>"They fixed it at once!" <cite>Pat Customer</cite></blockquote>"""
    return page(firm, "About us", body)


def team(firm: Firm) -> str:
    cards = "".join(
        f'<div class="team-member"><img src="/p.jpg" alt=""><h3>{name}</h3><p class="title">{title}</p></div>'
        for name, title in firm.people
    )
    return page(firm, "Team", f'<h1>Meet the Team</h1><section class="team">{cards}</section>')


def services(firm: Firm) -> str:
    body = f"""<h1>Services</h1><h2>{firm.work.capitalize()}</h2>
    <p>Maintenance plans and 24/7 emergency service.</p>"""
    return page(firm, "Services", body)


def contact(firm: Firm) -> str:
    body = f"""<h1>Contact</h1><p>Mail <a href="mailto:{firm.email}?subject=Hello">{firm.email}</a></p>
    <p>Jobs: jobs (at) {firm.host.replace(".", " (dot) ")}</p>
    <p>Open Monday to Friday.</p>"""
    return page(firm, "Contact", body)


def json_ld(firm: Firm) -> str:
    """Structured data as site builders write it."""
    data = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "name": firm.name, "url": f"https://{firm.host}/"},
            {
                "@type": ["HVACBusiness", "LocalBusiness"] if firm.trade == "hvac" else "LocalBusiness",
                "name": firm.name,
                "description": f"{firm.work.capitalize()} since {firm.founded}",
                "telephone": firm.shown_phone,
                "email": f"mailto:{firm.email}",
                "foundingDate": f"{firm.founded}-04-01",
                "address": {
                    "@type": "PostalAddress",
                    "streetAddress": firm.street,
                    "addressLocality": firm.city,
                    "addressRegion": firm.state,
                    "postalCode": firm.zip_code,
                },
                "areaServed": [{"@type": "City", "name": firm.city}, "Three counties around"],
                "openingHoursSpecification": [
                    {
                        "@type": "OpeningHoursSpecification",
                        "dayOfWeek": ["Monday", "Tuesday", "https://schema.org/Friday"],
                        "opens": "08:00",
                        "closes": "17:00",
                    }
                ],
                "sameAs": [firm.linkedin, "https://www.facebook.com/made.up"],
                "founder": {"@type": "Person", "name": firm.people[0][0], "jobTitle": firm.people[0][1]},
                "aggregateRating": {"@type": "AggregateRating", "ratingValue": "4.9"},
                "review": [{"@type": "Review", "author": {"@type": "Person", "name": "Robin Reviewer"}}],
            },
        ],
    }
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


WALL = """<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>
<div class="cf-browser-verification"></div>
<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl"></script>
<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"""
SOFT_WALL = """<html><head><title>Attention Required!</title></head><body><p>Please verify you are a human by
completing the CAPTCHA below.</p><div class="g-recaptcha"></div></body></html>"""
PARKED = """<html><head><title>{host} is for sale</title></head><body><h1>{host}</h1>
<p>This domain is for sale! Buy this domain.</p><script src="https://www.sedoparking.com/x.js"></script>
<a href="tel:+12175550199">Call a broker</a></body></html>"""
REGISTRAR = """<html><body><h1>Welcome to {host}</h1><p>This Web page is parked FREE, courtesy of
<a href="https://www.godaddy.com">GoDaddy.com</a>.</p></body></html>"""
