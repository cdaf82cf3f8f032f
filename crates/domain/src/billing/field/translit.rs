//! Cyrillic in Latin letters, for fields that other systems read (flag e).

/// Russian and Ukrainian letters as the passport rules of both write them, without apostrophes; the rest stays.
pub(super) fn to_latin(text: &str) -> String {
    let mut latin = String::with_capacity(text.len());
    for c in text.chars() {
        let lower = c.to_lowercase().next().unwrap_or(c);
        let Some(word) = letter(lower) else {
            latin.push(c);
            continue;
        };
        if lower == c {
            latin.push_str(word);
        } else {
            let mut letters = word.chars();
            latin.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            latin.extend(letters);
        }
    }
    latin
}

const fn letter(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'ё' => "yo",
        'є' => "ye",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'ї' => "yi",
        'й' | 'ы' => "y",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::to_latin;

    #[test]
    fn letters_are_written_in_latin() {
        assert_eq!(to_latin("Щербак Юлія, подъезд №5"), "Shcherbak Yuliya, podezd №5");
        assert_eq!(to_latin("ЕЇ latin 7"), "EYi latin 7");
    }
}
